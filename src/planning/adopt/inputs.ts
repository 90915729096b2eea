import type { TextTraits } from "../../architectures/architecture.ts";
import { type Diagnostic, fail } from "../../diagnostics.ts";
import type { Feature, ImageFeature, Interface, TensorFeature } from "../../mil/interface.ts";
import type { Plan, PlannedDim, PlannedImage, PlannedInput, PlannedLength, PlannedTensor } from "../../plan.ts";
import { type AxisLengths, axisLengths, commonLengths, plannedLength, withinPositions } from "./lengths.ts";
import { isInputName, isKey, isPositions } from "./names.ts";

type InputFeature = TensorFeature | ImageFeature;

/** Inputs of a package that stand for inputs of the model. */
export interface MatchedInputs {
  /** By the key of the plan. */
  readonly features: ReadonlyMap<string, InputFeature>;
  /** An input that the model's graph does not have: where each token stands. */
  readonly positions?: string;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Finds which input of the package is which input of the model: by its name, else where only one possibility is left.
 * @param slots every input that the model can have
 * @param usual keys of those it has by default
 * @param given names by key, where they are known already
 * @throws ConversionError `adopt.input` for an input that stands for nothing, or when the ids or the image are missing
 */
export function matchInputs(
  slots: readonly PlannedInput[],
  { inputs }: Interface,
  usual: ReadonlySet<string>,
  given: ReadonlyMap<string, string> = new Map(),
): MatchedInputs {
  const features = new Map<string, InputFeature>();
  const diagnostics: Diagnostic[] = [];
  const left = new Set(inputs.filter((f): f is InputFeature => f.kind === "tensor" || f.kind === "image"));
  const open = new Set(slots);
  const take = (slot: PlannedInput, feature: InputFeature): void => {
    features.set(slot.key, feature);
    left.delete(feature);
    open.delete(slot);
  };
  const rules: readonly ((slot: PlannedInput, f: InputFeature) => boolean)[] = [
    (slot, f) => given.get(slot.key) === f.name,
    (slot, f) => isKey(f.name, slot.key),
    (slot, f) => isInputName(f.name, slot.key),
  ];
  for (const matches of rules) {
    for (const slot of [...open]) {
      const found = [...left].filter((f) => matches(slot, f) && couldBe(slot, f));
      if (found.length === 1 && found[0]) take(slot, found[0]);
    }
  }
  const ids = slots.find((s) => s.kind === "tensor" && s.role === "ids");
  const positions = ids && [...left].find((f) => isPositions(f.name) && couldBe(ids, f));
  if (positions) {
    left.delete(positions);
    const message = "is given 0 to S - 1: the model's graph counts positions itself";
    diagnostics.push({ code: "adopt.input", severity: "note", path: positions.name, message });
  }
  const [feature, ...others] = left;
  if (feature && others.length === 0) {
    const possible = [...open].filter((slot) => couldBe(slot, feature));
    const likely = possible.length > 1 ? possible.filter((slot) => usual.has(slot.key)) : possible;
    if (likely.length === 1 && likely[0]) {
      take(likely[0], feature);
      const message = `is taken for ${likely[0].key}: it is the only possibility left`;
      diagnostics.push({ code: "adopt.input", severity: "note", path: feature.name, message });
    }
  }
  for (const f of left) {
    const possible = [...open].filter((slot) => couldBe(slot, f)).map((slot) => slot.key);
    if (possible.length > 1) refuse(f.name, `could be ${possible.join(" or ")}`, slots, inputs);
    if (!f.optional) refuse(f.name, "stands for no input of the model", slots, inputs);
    diagnostics.push({
      code: "adopt.input",
      severity: "note",
      path: f.name,
      message: "is optional, stands for no input of the model, and is left out of every call",
    });
  }
  const needed = slots.find((s) => s.kind === "image" || s.role === "ids");
  if (needed && !features.has(needed.key))
    refuse(needed.key, "is an input of the model that the package does not have", slots, inputs);
  return { features, ...(positions ? { positions: positions.name } : {}), diagnostics };
}

/** Whether kind and rank allow it: an image may also be a tensor of normalised pixels. */
function couldBe(slot: PlannedInput, feature: InputFeature): boolean {
  if (slot.kind === "image")
    return feature.kind === "image" || (feature.shape?.length === 4 && feature.dtype.startsWith("fp"));
  return feature.kind === "tensor" && feature.shape?.length === slot.shape.length;
}

function refuse(name: string, what: string, slots: readonly PlannedInput[], inputs: readonly Feature[]): never {
  return fail("validation", "adopt.input", what, {
    path: name,
    hint: `the package takes ${featureList(inputs)}; the model has ${slots.map(slotText).join(", ")}; --feature names another task`,
  });
}

const slotText = (slot: PlannedInput): string =>
  slot.kind === "image" ? `${slot.key} (image or [1, 3, height, width])` : `${slot.key} (rank ${slot.shape.length})`;

/** `input_ids int32 [1, 128], image (image 224 x 224)` */
export const featureList = (features: readonly Feature[]): string =>
  features
    .map((f) => {
      if (f.kind === "tensor") return `${f.name} ${f.dtype} [${f.shape?.join(", ") ?? "?"}]`;
      return f.kind === "image" ? `${f.name} (image ${f.height} x ${f.width})` : `${f.name} (${f.kind})`;
    })
    .join(", ") || "nothing";

/** Inputs as the package has them, and the lengths they take. */
export interface AdoptedInputs {
  readonly inputs: readonly PlannedInput[];
  readonly lengths: Plan["lengths"];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The model's text inputs in the lengths of the package. S is how long a call is, P how long its past.
 * @throws ConversionError `adopt.length`, `adopt.shape` when a shape is none that the model takes
 */
export function adoptText(
  slots: readonly PlannedTensor[],
  features: ReadonlyMap<string, InputFeature>,
  traits: TextTraits,
): AdoptedInputs {
  const tensor = (slot: PlannedTensor): TensorFeature => features.get(slot.key) as TensorFeature;
  const used = slots.filter((s) => features.has(s.key));
  const ids = used.find((s) => s.role === "ids") as PlannedTensor;
  const pasts = used.filter((s) => s.role === "past");
  const alongCall = used.filter((s) => s.role === "ids" || s.role === "segments" || (s.role === "mask" && !pasts[0]));
  const declared = agreed(alongCall.map(tensor), -1);
  const call = withinPositions(declared, traits.maxLength, tensor(ids).name);
  const diagnostics: Diagnostic[] = [];
  if (call.max < declared.max && Number.isFinite(declared.max)) {
    const message = `takes up to ${declared.max} tokens, the model has ${traits.maxLength} positions: no more are tried`;
    diagnostics.push({ code: "adopt.length", severity: "warning", path: tensor(ids).name, message });
  }
  const past =
    pasts.length > 0
      ? pastLengths(
          pasts.map(tensor),
          used.find((s) => s.role === "mask"),
          tensor,
          call,
          traits,
        )
      : undefined;
  const [s, p] = [plannedLength(call), past && plannedLength(past)];
  const planned = (slot: PlannedTensor): PlannedTensor => {
    const shape = slot.shape.map((d) => sizeIn(d, { S: s, ...(p === undefined ? {} : { P: p }) }));
    refuseShape(slot, shape, tensor(slot));
    const { optional: _, ...rest } = slot;
    return { ...rest, name: tensor(slot).name, shape };
  };
  const lengths: [string, number | PlannedLength | undefined][] = [
    ["S", s],
    ["P", p],
  ];
  return {
    inputs: used.map(planned),
    lengths: Object.fromEntries(
      lengths.flatMap(([name, l]): [string, PlannedLength][] => (typeof l === "object" ? [[name, l]] : [])),
    ),
    diagnostics,
  };
}

/** A planned size with the lengths that are fixed put in. */
function sizeIn(dim: PlannedDim, lengths: Readonly<Record<string, number | PlannedLength>>): PlannedDim {
  if (typeof dim === "number") return dim;
  const parts = dim.map((part) => (typeof lengths[part] === "number" ? String(lengths[part]) : part));
  const numbers = parts.map(Number);
  return numbers.every(Number.isInteger) ? numbers.reduce((a, b) => a + b, 0) : parts;
}

function agreed(features: readonly TensorFeature[], axis: number): AxisLengths {
  return features
    .map((f) => axisLengths(f, axis))
    .reduce((a, b, i) => {
      const common = commonLengths(a, b);
      const [one, other] = [features[0]?.name, features[i]?.name];
      return (
        common ??
        fail("validation", "adopt.length", `no length fits both '${one}' and '${other}'`, { path: other ?? "" })
      );
    });
}

/** How long a past may be: what its inputs take, what the mask over past and call leaves, and what the model has. */
function pastLengths(
  pasts: readonly TensorFeature[],
  mask: PlannedTensor | undefined,
  tensor: (slot: PlannedTensor) => TensorFeature,
  call: AxisLengths,
  { maxLength }: TextTraits,
): AxisLengths {
  const declared = agreed(pasts, 2);
  const total = mask ? axisLengths(tensor(mask), -1).max : Number.POSITIVE_INFINITY;
  const room = Math.min(total, maxLength ?? Number.POSITIVE_INFINITY) - call.max;
  const name = pasts[0]?.name ?? "";
  return (
    commonLengths(declared, { min: 0, max: Math.min(room, Number.isFinite(declared.max) ? declared.max : room) }) ??
    fail("validation", "adopt.length", `takes a past of ${declared.min} or more, there is room for ${room}`, {
      path: name,
    })
  );
}

/** Every fixed size must be the model's, every size that varies must be one that varies in the package too. */
function refuseShape({ key }: PlannedTensor, shape: readonly PlannedDim[], feature: TensorFeature): void {
  const fits = shape.every((d, axis) => {
    if (typeof d !== "number") return true;
    const { min, max, values } = axisLengths(feature, axis);
    return values ? values.includes(d) : d >= min && d <= max;
  });
  if (fits) return;
  const wanted = shape.map((d) => (typeof d === "number" ? d : d.join(" + "))).join(", ");
  fail("validation", "adopt.shape", `has shape [${feature.shape?.join(", ")}], ${key} is [${wanted}]`, {
    path: feature.name,
    hint: "only a batch of 1 can be compared",
  });
}

/** The model's image in the size of the package, and what goes with it. @throws ConversionError `adopt.shape` */
export function adoptImage(
  slots: readonly PlannedInput[],
  features: ReadonlyMap<string, InputFeature>,
): readonly PlannedInput[] {
  return slots
    .filter((s) => features.has(s.key))
    .map((slot) => {
      const feature = features.get(slot.key) as InputFeature;
      if (slot.kind === "tensor") {
        refuseShape(slot, slot.shape, feature as TensorFeature);
        return { ...slot, name: feature.name };
      }
      const [height, width] = imageSize(slot, feature);
      return { ...slot, name: feature.name, height, width };
    });
}

/** [height, width] of an image input: the default size of one that varies. @throws ConversionError `adopt.shape` */
export function imageSize(slot: PlannedImage, feature: InputFeature): readonly [number, number] {
  const channels = slot.colorSpace === "GRAYSCALE" ? 1 : 3;
  if (feature.kind === "image") {
    const own = feature.colorSpace.startsWith("GRAYSCALE") ? 1 : 3;
    if (own === channels) return [feature.height, feature.width];
    return fail("validation", "adopt.shape", `has ${own} channels, the model ${channels}`, { path: feature.name });
  }
  const [batch, depth, height, width] = feature.shape ?? [];
  if (batch === 1 && depth === channels && height && width) return [height, width];
  return fail("validation", "adopt.shape", `has shape [${feature.shape}], expected [1, ${channels}, height, width]`, {
    path: feature.name,
  });
}
