import type { Plan, PlannedOutput, Precision, TaskId } from "../plan.ts";

/**
 * What the numbers of an output are. `scores`: one row ranks classes or tokens by its largest value; `probabilities`:
 * the same, between 0 and 1; `rates`: between 0 and 1, each for itself (sigmoid); `values`: anything else.
 */
export type OutputKind = "scores" | "probabilities" | "rates" | "values";

const ranking: ReadonlySet<TaskId> = new Set([
  "text-generation",
  "fill-mask",
  "token-classification",
  "text-classification",
  "image-classification",
  "multiple-choice",
  "next-sentence-prediction",
]);
const isRanked = ({ key }: PlannedOutput, { task, labels }: Plan): boolean =>
  key === "start_logits" ||
  key === "end_logits" ||
  (key === "logits" && ranking.has(task) && (task !== "text-classification" || (labels?.length ?? 2) > 1));

export function outputKind(output: PlannedOutput, plan: Plan): OutputKind {
  switch (output.finish) {
    case "softmax":
    case "classifier":
      return "probabilities";
    case "sigmoid":
      return "rates";
    case "none":
      return isRanked(output, plan) ? "scores" : "values";
  }
}

/** The reference, over the positions that are compared. */
export interface ReferenceStatistics {
  readonly standardDeviation: number;
  /** Largest magnitude. */
  readonly max: number;
  /** How many values there are; a single one has no deviation. */
  readonly count: number;
}

/** How far an output may be from its reference. */
export interface Tolerance {
  /** The gate: the largest absolute difference that passes. */
  readonly atol: number;
  /** Where `atol` comes from, in words. */
  readonly rule: string;
  /** For outputs that rank: the lead of a row's largest value over the next below which the two are a tie. */
  readonly tieMargin?: (largest: number) => number;
}

const FLOAT32_ATOL = 1e-4;
const HALF_SHARE = 3e-2;
/** A tenth of the largest value: 3e-2 of that is three units in its last place, below which a half cannot tell. */
const HALF_FLOOR = 1e-1;
const HALF_PROBABILITY_ATOL = 5e-3;

/**
 * The default tolerance, or the explicit `atol`. rtol is 0. Float32: 1e-4. Float16: 3e-2 × max(standard deviation,
 * 1e-1 × max |reference|), a near-uniform output having no deviation to speak of; 3e-2 × |reference| for a single value;
 * 5e-3 for what lies between 0 and 1.
 *
 * The tie margin follows from the default even when `atol` is explicit: a wide gate does not excuse another answer. Both
 * values may be off by the default, so twice that is a tie; among many small probabilities, where twice that is
 * everything, 2 × 3e-2 of the larger.
 */
export function toleranceOf(
  kind: OutputKind,
  precision: Precision,
  reference: ReferenceStatistics,
  explicit?: number,
): Tolerance {
  const byDefault = defaultOf(kind, precision, reference);
  const gate = explicit === undefined ? byDefault : { atol: explicit, rule: "set explicitly" };
  if (kind !== "scores" && kind !== "probabilities") return gate;
  const twice = 2 * byDefault.atol;
  return {
    ...gate,
    tieMargin: kind === "scores" ? () => twice : (largest) => Math.min(twice, 2 * HALF_SHARE * largest),
  };
}

function defaultOf(
  kind: OutputKind,
  precision: Precision,
  { standardDeviation, max, count }: ReferenceStatistics,
): { readonly atol: number; readonly rule: string } {
  if (precision === "float32") return { atol: FLOAT32_ATOL, rule: "float32: 1e-4" };
  if (kind === "probabilities" || kind === "rates")
    return { atol: HALF_PROBABILITY_ATOL, rule: "float16, values from 0 to 1: 5e-3" };
  if (count === 1) return { atol: HALF_SHARE * max, rule: "float16, a single value: 3e-2 x |reference|" };
  return {
    atol: HALF_SHARE * Math.max(standardDeviation, HALF_FLOOR * max),
    rule: "float16: 3e-2 x max(standard deviation, 1e-1 x max |reference|)",
  };
}
