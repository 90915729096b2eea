import type { TextTraits } from "../architectures/architecture.ts";
import { fail } from "../diagnostics.ts";
import type { PlanOptions } from "../options.ts";
import type {
  Plan,
  PlannedDim,
  PlannedInput,
  PlannedLength,
  PlannedOutput,
  PlannedTensor,
  TargetName,
} from "../plan.ts";
import type { Task } from "../tasks/task.ts";
import { output } from "../tasks/task.ts";
import { type LengthRequest, lengthRequest, SAFE_MAX } from "./lengths.ts";

/** What one plan of a conversion takes in, and what comes out beside the task's outputs. */
export interface PlannedShape {
  readonly part: Plan["part"];
  readonly inputs: readonly PlannedInput[];
  readonly lengths: Plan["lengths"];
  readonly extraOutputs: readonly PlannedOutput[];
  /** The lowest target the inputs allow. */
  readonly target: TargetName;
}

/** What a past of tokens is prepared for unless the model has fewer positions. */
const DEFAULT_PAST = 128;

/** Text inputs, S being the length of a call and P that of the past. */
export function plannedText(
  task: Task,
  traits: TextTraits,
  options: PlanOptions,
  usePast: boolean,
  choices: number,
): readonly PlannedShape[] {
  const { cache } = traits;
  if (!usePast)
    return [
      shapeOf(
        "model",
        task,
        traits,
        options,
        choices,
        lengthRequest(sequenceLength(options), traits.maxLength),
        false,
        undefined,
      ),
    ];
  if (!cache)
    return fail("unsupported", "task.past", `${task.id} of this model has no past: it is no decoder`, {
      path: "--use-past",
    });
  const request = decodeLength(options, traits.maxLength);
  if (request.kind === "enumerated") {
    fail("usage", "length.past", "a past takes any length, which enumerated shapes of the other inputs do not allow", {
      path: "--sequence-length",
      hint: "give one length or a range",
    });
  }
  const most = maxOf(request);
  const room = (traits.maxLength ?? Number.MAX_SAFE_INTEGER) - most;
  if (room < 1)
    fail(
      "usage",
      "length.past",
      `calls of up to ${most} tokens leave no room for a past in ${traits.maxLength} positions`,
      { path: "--sequence-length" },
    );
  const max = Math.min(room, SAFE_MAX - most);
  const past: PlannedLength = options.emptyPast
    ? { min: 0, max, default: 0 }
    : { min: 1, max, default: Math.min(max, DEFAULT_PAST) };
  const decode = shapeOf("decode", task, traits, options, choices, request, true, past);
  const prefill = shapeOf("prefill", task, traits, options, choices, request, true, undefined);
  return options.prefill === false ? [decode] : [decode, prefill];
}

const sequenceLength = (options: PlanOptions): number | string | undefined =>
  options.sequenceLength ?? options.inputs?.input_ids?.shape?.at(-1);
const maxOf = (r: LengthRequest): number => (r.kind === "fixed" ? r.value : r.length.max);

/** The default range of a call leaves at least half of the positions to the past. */
function decodeLength(options: PlanOptions, maxLength: number | undefined): LengthRequest {
  const asked = sequenceLength(options);
  const request = lengthRequest(asked, maxLength);
  if (asked !== undefined || maxLength === undefined || maxOf(request) <= maxLength / 2) return request;
  return lengthRequest(`1..${Math.max(1, Math.floor(maxLength / 2))}`, maxLength);
}

function shapeOf(
  part: Plan["part"],
  task: Task,
  traits: TextTraits,
  options: PlanOptions,
  choices: number,
  request: LengthRequest,
  withCache: boolean,
  past: PlannedLength | undefined,
): PlannedShape {
  const { cache } = traits;
  const s: PlannedDim = request.kind === "fixed" ? request.value : ["S"];
  const total: PlannedDim = past ? (typeof s === "number" ? ["P", String(s)] : ["P", "S"]) : s;
  const lead = task.hasChoices ? [1, choices] : [1];
  const tokens = (key: string, role: PlannedTensor["role"], length: PlannedDim): PlannedTensor => ({
    kind: "tensor",
    key,
    name: key,
    dtype: "int32",
    shape: [...lead, length],
    role,
  });
  const layers = withCache && cache ? [...Array(cache.layers).keys()] : [];
  const keyValue = (i: number): readonly string[] => [`${i}_key`, `${i}_value`];
  const inputs: PlannedInput[] = [tokens("input_ids", "ids", s)];
  if (options.attentionMask !== false) inputs.push(tokens("attention_mask", "mask", total));
  if (hasSegments(task, traits, options)) inputs.push(tokens("token_type_ids", "segments", s));
  if (past && cache) {
    for (const name of layers.flatMap(keyValue)) {
      const key = `past_key_values_${name}`;
      inputs.push({
        kind: "tensor",
        key,
        name: key,
        dtype: "fp32",
        shape: [1, cache.heads, ["P"], cache.headSize],
        role: "past",
        ...(past.min === 0 ? { optional: true } : {}),
      });
    }
  }
  const isEnumerated = request.kind === "enumerated";
  const flexible = inputs.filter((i) => i.kind === "tensor" && i.shape.some((d) => typeof d !== "number"));
  return {
    part,
    inputs,
    lengths: { ...(request.kind === "fixed" ? {} : { S: request.length }), ...(past ? { P: past } : {}) },
    extraOutputs: layers.flatMap(keyValue).map((name) => output(`present_key_values_${name}`)),
    target: isEnumerated && flexible.length > 1 ? "iOS18" : "iOS15",
  };
}

/** token_type_ids: where the task is about two segments or the option asks, and never without attention_mask. */
function hasSegments(task: Task, { segments }: TextTraits, options: PlanOptions): boolean {
  const asked = options.tokenTypeIds ?? "auto";
  if (asked === "on" && segments === undefined)
    fail("unsupported", "option.segments", "the model has no segments", { path: "--token-type-ids" });
  if (segments === undefined || segments === 0 || asked === "off" || options.attentionMask === false) return false;
  return asked === "on" || (task.segments?.(segments) ?? false);
}
