import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import type { Feature, Flexibility, ImageFeature, Interface, StateFeature, TensorFeature } from "../mil/interface.ts";
import { elementCount } from "../tensor/dtype.ts";
import { type HostTensor, type HostTensors, hostTensor } from "./host-tensor.ts";

/**
 * What a function is called with: every input checked against its description, images as [1, C, H, W] in the channel
 * order of the model, optional inputs filled with their default, states as they are or zero.
 * @param given images in RGB order, 0 to 255; states, where kept, as `state.<name>`
 * @throws ConversionError listing every input that is missing, unknown or does not fit
 */
export function feedsOf(described: Interface, given: HostTensors): Record<string, HostTensor> {
  const problems: Diagnostic[] = [];
  const problem = (path: string, code: string, message: string): undefined => {
    problems.push({ code, severity: "error", path, message });
  };
  const feeds: Record<string, HostTensor> = {};
  const known = new Set([...described.inputs.map((f) => f.name), ...described.states.map((s) => `state.${s.name}`)]);
  for (const name of Object.keys(given)) {
    if (!known.has(name))
      problem(name, "input.unknown", `the model has no such input; it takes ${[...known].join(", ")}`);
  }
  for (const f of described.inputs) {
    const value = Object.hasOwn(given, f.name) ? given[f.name] : defaultOf(f);
    if (!value) {
      problem(f.name, "input.missing", "is missing");
      continue;
    }
    const misfit = misfitOf(f, value.shape);
    if (misfit) problem(f.name, "input.shape", `has shape [${value.shape}], expected ${misfit}`);
    else if (value.data.length !== elementCount(value.shape))
      problem(f.name, "input.size", `has ${value.data.length} values for shape [${value.shape}]`);
    else feeds[f.name] = f.kind === "image" ? pixels(f, value) : typed(f as TensorFeature, value);
  }
  for (const s of described.states) {
    const name = `state.${s.name}`;
    const value = given[name] ?? zeros(s);
    if (String(value.shape) !== String(s.shape))
      problem(name, "input.shape", `has shape [${value.shape}], expected [${s.shape}]`);
    else if (value.data.length !== elementCount(value.shape))
      problem(name, "input.size", `has ${value.data.length} values for shape [${value.shape}]`);
    else feeds[s.name] = typed(s, value);
  }
  if (problems.length > 0) throw new ConversionError("usage", problems);
  return feeds;
}

const zeros = (s: StateFeature): HostTensor => ({
  dtype: "fp32",
  shape: s.shape,
  data: new Float32Array(elementCount(s.shape)),
});

function defaultOf(f: Feature): HostTensor | undefined {
  if (f.kind !== "tensor" || !f.optional || !f.shape) return undefined;
  const values = Array<number>(elementCount(f.shape)).fill(f.optional.value ?? 0);
  return hostTensor(f.dtype === "int32" || f.dtype === "int8" ? "int32" : "fp32", f.shape, values);
}

/** The shapes an input takes, in words, when `shape` is none of them. */
function misfitOf(f: Feature, shape: readonly number[]): string | undefined {
  if (f.kind === "image") {
    const channels = f.colorSpace.startsWith("GRAYSCALE") ? 1 : 3;
    const sizeMisfit = shapeMisfit([f.height, f.width], f.flexibility, shape.slice(2));
    const fits = shape.length === 4 && shape[0] === 1 && shape[1] === channels && sizeMisfit === undefined;
    return fits ? undefined : `[1, ${channels}, height, width] with ${sizeMisfit ?? `[${f.height}, ${f.width}]`}`;
  }
  return f.kind === "tensor" ? shapeMisfit(f.shape ?? [], f.flexibility, shape) : `a tensor`;
}

function shapeMisfit(fixed: readonly number[], flexible: Flexibility, shape: readonly number[]): string | undefined {
  if (flexible.kind === "fixed") return String(fixed) === String(shape) ? undefined : `[${fixed.join(", ")}]`;
  if (flexible.kind === "enumerated") {
    const fits = flexible.shapes.some((s) => String(s) === String(shape));
    return fits ? undefined : `one of ${flexible.shapes.map((s) => `[${s.join(", ")}]`).join(" ")}`;
  }
  const { ranges } = flexible;
  const fits =
    shape.length === ranges.length &&
    ranges.every(([min, max], i) => (shape[i] as number) >= min && (shape[i] as number) <= max);
  return fits ? undefined : `[${ranges.map(([min, max]) => (min === max ? min : `${min}..${max}`)).join(", ")}]`;
}

function typed(f: TensorFeature | StateFeature, value: HostTensor): HostTensor {
  const dtype = f.dtype === "int32" || f.dtype === "int8" ? "int32" : "fp32";
  return value.dtype === dtype ? value : hostTensor(dtype, value.shape, value.data);
}

/** RGB pixels as the floats the function takes, channels swapped for a BGR model. */
function pixels(f: ImageFeature, value: HostTensor): HostTensor {
  const data = Float32Array.from(value.data);
  if (f.colorSpace === "BGR") {
    const plane = data.length / 3;
    data.copyWithin(0, 2 * plane, 3 * plane);
    for (let i = 0; i < plane; i++) data[2 * plane + i] = value.data[i] as number;
  }
  return { dtype: "fp32", shape: value.shape, data };
}
