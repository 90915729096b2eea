import type { Plan, PlannedOutput, TaskId } from "../plan.ts";
import type { HostTensors } from "../run/host-tensor.ts";
import { inputOf } from "./lengths.ts";

/** The positions of one axis of an output that are compared; what lies elsewhere must only be finite. */
export interface Positions {
  readonly axis: number;
  readonly kept: readonly number[];
}

/** By output name. An output that is not listed counts everywhere. */
export type ComparedPositions = Readonly<Record<string, Positions>>;

/** Tasks whose `logits` have a row per token: [1, S, classes]. */
const perToken: ReadonlySet<TaskId> = new Set(["text-generation", "fill-mask", "token-classification"]);

/** Which axis of an output follows the tokens, and whether the past stands before them. */
function sequenceAxis(
  { key }: PlannedOutput,
  task: TaskId,
): { readonly axis: number; readonly withPast: boolean } | undefined {
  if (key.startsWith("present_key_values_")) return { axis: 2, withPast: true };
  const follows =
    key === "last_hidden_state" ||
    key === "start_logits" ||
    key === "end_logits" ||
    (key === "logits" && perToken.has(task));
  return follows ? { axis: 1, withPast: false } : undefined;
}

/**
 * The unmasked positions of every output that has a sequence axis. What a model computes at a masked position is
 * nobody's business, and differs between implementations.
 * @param inputs one call of the package, under the names of the plan; without a mask everything counts
 */
export function comparedPositions(plan: Plan, inputs: HostTensors): ComparedPositions {
  const mask = inputs[inputOf(plan, "mask")?.name ?? ""];
  const ids = inputs[inputOf(plan, "ids")?.name ?? ""];
  if (!mask || !ids || mask.shape.length !== 2) return {};
  const all = Array.from(mask.data.keys()).filter((i) => mask.data[i] !== 0);
  if (all.length === mask.data.length) return {};
  const past = mask.data.length - ids.data.length;
  const own = all.filter((i) => i >= past).map((i) => i - past);
  return Object.fromEntries(
    plan.outputs.flatMap((output) => {
      const sequence = sequenceAxis(output, plan.task);
      return sequence ? [[output.name, { axis: sequence.axis, kept: sequence.withPast ? all : own }]] : [];
    }),
  );
}
