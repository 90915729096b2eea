import type { Plan, PlannedImage, PlannedInput, PlannedTensor } from "../../plan.ts";
import { type HostTensor, type HostTensors, hostTensor } from "../../run/host-tensor.ts";
import type { OnnxFeature, OnnxSignature } from "../../run/onnx-file/onnx-file.ts";
import { elementCount } from "../../tensor/dtype.ts";
import { inputOf } from "../lengths.ts";
import { featureText, fits, listed } from "./features.ts";
import { onnxPositions } from "./positions.ts";

/** What an ONNX file may take that a plan does not say. */
export interface OnnxInputContext {
  /** What the keys and values of a decoder look like. */
  readonly cache?: { readonly heads: number; readonly headSize: number };
  readonly paddingId?: number;
}

/** How the inputs of a file follow from those of a call. */
export interface OnnxInputs {
  /** The file's inputs for a call, or why it cannot take that call, in words. */
  of(inputs: HostTensors): { readonly feeds: HostTensors } | { readonly misfit: string };
}

type Source = (inputs: HostTensors) => HostTensor;

/** What an input is called, in files of optimum, transformers.js and older exports. */
const roles = {
  ids: /^input_ids$/,
  mask: /^(attention_mask|input_mask)$/,
  segments: /^(token_type_ids|segment_ids)$/,
  positions: /^position_ids$/,
  "cache positions": /^cache_position$/,
  past: /^past_key_values[._](\d+)[._](?:decoder[._])?(key|value)$/,
  branch: /^use_cache_branch$/,
  image: /^(pixel_values|image)$/,
  "patch-mask": /^bool_masked_pos$/,
} as const;
type Role = keyof typeof roles;

/**
 * Finds for each input of a file what of a call it takes. What a call does not bring is what Transformers takes then: a
 * mask of ones, segment 0, positions counted on from the past, a past of nothing. Images go in normalised as the plan says.
 * @returns or, in words, why no call can be put to this file
 */
export function onnxInputs(
  plan: Plan,
  { inputs: wanted }: OnnxSignature,
  context: OnnxInputContext,
): OnnxInputs | { readonly misfit: string } {
  const sources = new Map<string, Source>();
  const used = new Set<PlannedInput>();
  const unknown: OnnxFeature[] = [];
  for (const feature of wanted) {
    const [role, match] = roleOf(feature.name);
    const planned = role && plannedFor(plan, role, match);
    const source = planned ? given(planned) : role && derived(plan, role, feature, context);
    if (source) sources.set(feature.name, source);
    else unknown.push(feature);
    if (planned) used.add(planned);
  }
  const needed = plan.inputs.filter((i) => !used.has(i) && !(i.kind === "tensor" && canBeAbsent(i)));
  const [[input], [feature]] = [needed, unknown];
  if (input && feature && needed.length + unknown.length === 2 && feature.shape.length === rankOf(input))
    sources.set(feature.name, given(input));
  else if (unknown.length > 0)
    return { misfit: `it takes ${listed(unknown.map(featureText))}, which nothing in a call stands for` };
  else if (needed.length > 0) return { misfit: `it takes no ${listed(needed.map((i) => i.key))}` };

  const unused = plan.inputs.filter((i): i is PlannedTensor => i.kind === "tensor" && !used.has(i) && canBeAbsent(i));
  return {
    of(inputs) {
      const lost = unused.find((i) => !isUsual(i, inputs[i.name]));
      if (lost) return { misfit: `it takes no ${lost.key}` };
      const feeds = Object.fromEntries([...sources].map(([name, source]) => [name, source(inputs)]));
      const refusing = wanted.find(({ name, shape }) => !fits(shape, feeds[name]?.shape ?? []));
      return refusing ? { misfit: `it takes ${featureText(refusing)}` } : { feeds };
    },
  };
}

function roleOf(name: string): readonly [role: Role | undefined, match: RegExpExecArray | null] {
  for (const [role, pattern] of Object.entries(roles)) {
    const match = pattern.exec(name);
    if (match) return [role as Role, match];
  }
  return [undefined, null];
}

/** The input of the plan that has that role. */
function plannedFor(plan: Plan, role: Role, match: RegExpExecArray | null): PlannedInput | undefined {
  if (role === "image") return plan.inputs.find((i) => i.kind === "image");
  if (role === "past") return plan.inputs.find((i) => i.key === `past_key_values_${match?.[1]}_${match?.[2]}`);
  return role === "ids" || role === "mask" || role === "segments" || role === "patch-mask"
    ? inputOf(plan, role)
    : undefined;
}

const given = (input: PlannedInput): Source =>
  input.kind === "image"
    ? (inputs) => normalised(input, inputs[input.name] as HostTensor)
    : (inputs) => inputs[input.name] as HostTensor;

/** What stands for an input that no call brings; undefined where nothing can. */
function derived(plan: Plan, role: Role, feature: OnnxFeature, context: OnnxInputContext): Source | undefined {
  const ids = inputOf(plan, "ids");
  if (!ids) return undefined;
  const idsOf = (inputs: HostTensors): HostTensor => inputs[ids.name] as HostTensor;
  switch (role) {
    case "mask":
      return (inputs) => {
        const { shape } = idsOf(inputs);
        return filled([...shape.slice(0, -1), (shape.at(-1) ?? 0) + pastOf(plan, inputs)], 1);
      };
    case "segments":
      return (inputs) => filled(idsOf(inputs).shape, 0);
    case "positions":
      return (inputs) => onnxPositions(plan.model.modelType, idsOf(inputs), pastOf(plan, inputs), context.paddingId);
    case "cache positions":
      return (inputs) => {
        const [past, length] = [pastOf(plan, inputs), idsOf(inputs).shape.at(-1) ?? 0];
        return hostTensor(
          "int32",
          [length],
          Int32Array.from({ length }, (_, i) => past + i),
        );
      };
    case "past":
      return emptyPast(feature, context);
    case "branch":
      return (inputs) => filled(feature.shape.length === 0 ? [] : [1], Number(pastOf(plan, inputs) > 0));
    default:
      return undefined;
  }
}

/** Keys or values of no tokens, [1, heads, 0, headSize]. */
function emptyPast({ shape }: OnnxFeature, { cache }: OnnxInputContext): Source | undefined {
  const [heads, headSize] = [shape[1] ?? cache?.heads, shape[3] ?? cache?.headSize];
  if (shape.length !== 4 || heads === undefined || headSize === undefined) return undefined;
  return () => ({ dtype: "fp32", shape: [1, heads, 0, headSize], data: new Float32Array(0) });
}

/** How many tokens stand before those of a call. */
function pastOf(plan: Plan, inputs: HostTensors): number {
  const past = inputOf(plan, "past");
  return past ? (inputs[past.name]?.shape[2] ?? 0) : 0;
}

const filled = (shape: readonly number[], value: number): HostTensor => ({
  dtype: "int32",
  shape,
  data: new Int32Array(elementCount(shape)).fill(value),
});

/** Pixels 0 to 255 in RGB order as a processor hands them on: in the model's channel order, scaled and shifted. */
function normalised({ colorSpace, scale, bias }: PlannedImage, { data, shape }: HostTensor): HostTensor {
  const channels = shape[1] ?? 1;
  const plane = data.length / channels;
  const values = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    const from = colorSpace === "BGR" ? channels - 1 - c : c;
    const [factor, offset] = [scale[c] ?? 1, bias[c] ?? 0];
    for (let i = 0; i < plane; i++) values[c * plane + i] = (data[from * plane + i] as number) * factor + offset;
  }
  return { dtype: "fp32", shape, data: values };
}

/** What a file without such an input computes as if it were ones, or zeros. */
const canBeAbsent = ({ role }: PlannedTensor): boolean => role === "mask" || role === "segments";
const isUsual = ({ role }: PlannedTensor, tensor: HostTensor | undefined): boolean =>
  tensor?.data.every((v: number) => v === (role === "mask" ? 1 : 0)) ?? true;

const rankOf = (input: PlannedInput): number => (input.kind === "image" ? 4 : input.shape.length);
