import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import type { Flexibility, ImageFeature, Interface, StateFeature, TensorFeature } from "../mil/interface.ts";
import { elementCount } from "../tensor/dtype.ts";
import { type HostTensor, type HostTensors, hostTensor } from "./host-tensor.ts";

/** The largest value of a pixel. */
const MAX_PIXEL = 255;

type InputFeature = TensorFeature | ImageFeature;

/**
 * What a function is called with: every input checked against its description, images as [1, C, H, W] in the channel
 * order of the model, optional inputs filled with their default, states as they are or zero.
 * @param given images in RGB order, 0 to 255; states, where kept, as `state.<name>`
 * @throws ConversionError `input.*` listing every input that is missing, unknown or does not fit
 */
export function feedsOf(described: Interface, given: HostTensors): Record<string, HostTensor> {
  const problems: Diagnostic[] = [];
  const problem = (path: string, code: string, message: string): void => {
    problems.push({ code, severity: "error", path, message });
  };
  const feeds: Record<string, HostTensor> = {};
  const inputs = described.inputs.filter((f): f is InputFeature => f.kind === "tensor" || f.kind === "image");
  const known = new Set([...inputs.map((f) => f.name), ...described.states.map((s) => `state.${s.name}`)]);
  for (const name of Object.keys(given)) {
    if (!known.has(name))
      problem(name, "input.unknown", `the model has no such input; it takes ${[...known].join(", ") || "none"}`);
  }
  for (const f of inputs) {
    const value = Object.hasOwn(given, f.name) ? given[f.name] : defaultOf(f);
    if (!value) problem(f.name, "input.missing", `is missing, expected ${expectation(f)}`);
    else if (!isOfShape(f, value.shape))
      problem(f.name, "input.shape", `has shape [${value.shape.join(", ")}], expected ${expectation(f)}`);
    else if (value.data.length !== elementCount(value.shape))
      problem(f.name, "input.size", `has ${value.data.length} values for shape [${value.shape.join(", ")}]`);
    else {
      const misfit = valuesMisfit(f, value);
      if (misfit) problem(f.name, "input.values", misfit);
      else feeds[f.name] = f.kind === "image" ? pixels(f, value) : typed(f, value);
    }
  }
  for (const s of described.states) {
    const name = `state.${s.name}`;
    const value = given[name] ?? zeros(s);
    if (String(value.shape) !== String(s.shape))
      problem(name, "input.shape", `has shape [${value.shape.join(", ")}], expected [${s.shape.join(", ")}]`);
    else if (value.data.length !== elementCount(value.shape))
      problem(name, "input.size", `has ${value.data.length} values for shape [${value.shape.join(", ")}]`);
    else feeds[s.name] = typed(s, value);
  }
  if (problems.length === 0) problems.push(...unpaired(inputs, given));
  if (problems.length > 0) throw new ConversionError("usage", problems);
  return feeds;
}

const zeros = (s: StateFeature): HostTensor => ({
  dtype: "fp32",
  shape: s.shape,
  data: new Float32Array(elementCount(s.shape)),
});

function defaultOf(f: InputFeature): HostTensor | undefined {
  if (f.kind !== "tensor" || !f.optional || !f.shape) return undefined;
  const values = Array<number>(elementCount(f.shape)).fill(f.optional.value ?? 0);
  return hostTensor(isInteger(f) ? "int32" : "fp32", f.shape, values);
}

const isInteger = (f: TensorFeature | StateFeature): boolean => f.dtype === "int32" || f.dtype === "int8";
const isGray = (f: ImageFeature): boolean => f.colorSpace.startsWith("GRAYSCALE");
const channelsOf = (f: ImageFeature): number => (isGray(f) ? 1 : 3);

/** The default shape of what may vary: that of a tensor, height and width of an image. */
const fixedShape = (f: InputFeature): readonly number[] => (f.kind === "image" ? [f.height, f.width] : (f.shape ?? []));
/** The part of a shape that may vary. */
const flexiblePart = (f: InputFeature, shape: readonly number[]): readonly number[] =>
  f.kind === "image" ? shape.slice(2) : shape;

function isOfShape(f: InputFeature, shape: readonly number[]): boolean {
  if (f.kind === "image" && (shape.length !== 4 || shape[0] !== 1 || shape[1] !== channelsOf(f))) return false;
  const [part, flexible] = [flexiblePart(f, shape), f.flexibility];
  if (flexible.kind === "fixed") return isSame(fixedShape(f), part);
  if (flexible.kind === "enumerated") return flexible.shapes.some((s) => isSame(s, part));
  const { ranges } = flexible;
  return (
    part.length === ranges.length && ranges.every(([min, max], i) => min <= (part[i] ?? -1) && (part[i] ?? -1) <= max)
  );
}

const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** What an input takes, in words: `int32 [1, 1..128]`, `an RGB image [1, 3, 224, 224]`. */
function expectation(f: InputFeature): string {
  if (f.kind === "tensor") return `${f.dtype} ${shapesText(f.shape ?? [], f.flexibility)}`;
  return `an image of ${isGray(f) ? "gray" : "RGB"} planes ${shapesText([f.height, f.width], f.flexibility, [1, channelsOf(f)])}`;
}

function shapesText(fixed: readonly number[], flexible: Flexibility, before: readonly number[] = []): string {
  const text = (sizes: readonly (number | string)[]): string => `[${[...before, ...sizes].join(", ")}]`;
  if (flexible.kind === "fixed") return text(fixed);
  if (flexible.kind === "enumerated") return flexible.shapes.map((s) => text(s)).join(" or ");
  return text(flexible.ranges.map(([min, max]) => (min === max ? min : `${min}..${Number.isFinite(max) ? max : ""}`)));
}

/** Numbers that would silently become others: fractions for integers, and what no pixel can be. */
function valuesMisfit(f: InputFeature, { dtype, data }: HostTensor): string | undefined {
  if (f.kind === "tensor")
    return isInteger(f) && dtype !== "int32" ? `is a tensor of floats, expected ${f.dtype}` : undefined;
  if (f.colorSpace === "GRAYSCALE_FLOAT16") return undefined;
  const at = data.findIndex((x: number) => !Number.isInteger(x) || x < 0 || x > MAX_PIXEL);
  return at === -1 ? undefined : `holds ${data[at]} at ${at}, expected whole numbers from 0 to ${MAX_PIXEL}`;
}

/**
 * Several inputs with listed shapes are called with those at one position of their lists.
 * https://apple.github.io/coremltools/docs-guides/source/flexible-inputs.html
 */
function unpaired(inputs: readonly InputFeature[], given: HostTensors): Diagnostic[] {
  const listed = inputs.flatMap((f) => {
    const [flexible, value] = [f.flexibility, given[f.name]];
    if (flexible.kind !== "enumerated" || !value) return [];
    return [{ name: f.name, shapes: flexible.shapes, part: flexiblePart(f, value.shape) }];
  });
  const positions = listed[0]?.shapes.map((_, i) => i) ?? [];
  if (positions.length === 0 || positions.some((i) => listed.every((l) => isSame(l.shapes[i] ?? [], l.part))))
    return [];
  const together = (shapes: (l: (typeof listed)[0]) => readonly number[]): string =>
    listed.map((l) => `${l.name} [${shapes(l).join(", ")}]`).join(" with ");
  const message = `${together((l) => l.part)}, expected ${positions.map((i) => together((l) => l.shapes[i] ?? [])).join(" or ")}`;
  return [{ code: "input.shapes", severity: "error", path: listed.map((l) => l.name).join(", "), message }];
}

function typed(f: TensorFeature | StateFeature, value: HostTensor): HostTensor {
  const dtype = isInteger(f) ? "int32" : "fp32";
  return value.dtype === dtype ? value : hostTensor(dtype, value.shape, value.data);
}

/** RGB pixels as the floats the function takes. */
function pixels(f: ImageFeature, value: HostTensor): HostTensor {
  const planes = hostTensor("fp32", value.shape, value.data);
  return f.colorSpace === "BGR" ? channelsTurned(planes) : planes;
}

/** [1, 3, H, W] with the planes in the opposite order: RGB from BGR and back. */
export function channelsTurned({ shape, data }: HostTensor): HostTensor {
  const plane = data.length / 3;
  const turned = new Float32Array(data.length);
  for (let c = 0; c < 3; c++) turned.set(data.subarray(c * plane, (c + 1) * plane), (2 - c) * plane);
  return { dtype: "fp32", shape, data: turned };
}
