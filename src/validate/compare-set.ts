import type { Plan, PlannedOutput } from "../plan.ts";
import type { HostTensor, HostTensors } from "../run/host-tensor.ts";
import type { Prediction } from "../run/session.ts";
import { compare, unmatchedOutputs } from "./compare.ts";
import type { Comparison } from "./comparison.ts";
import type { InputSet } from "./input-set.ts";
import { logitsFailure } from "./log-probabilities.ts";
import type { LabelComparison, SetResult } from "./package-validation.ts";
import { type PooledStatistics, withPooled } from "./pooled-statistics.ts";
import { outputKind, toleranceOf } from "./tolerance.ts";

/**
 * All outputs of one call against the reference's.
 * @param atol replaces the default gate
 * @param notGiven outputs that the reference says nothing about
 * @param pooled what the reference's outputs are like over all calls
 */
export function compareSet(
  plan: Plan,
  set: InputSet,
  prediction: Prediction,
  expected: HostTensors,
  atol?: number,
  notGiven: readonly string[] = [],
  pooled: PooledStatistics = new Map(),
): SetResult {
  const { missing, extra: unmatched } = unmatchedOutputs(prediction.outputs, expected);
  const extra = unmatched.filter((name) => !notGiven.includes(name));
  const comparisons = Object.entries(prediction.outputs).flatMap(([name, actual]) => {
    const wanted = Object.hasOwn(expected, name) ? expected[name] : undefined;
    return wanted ? [compareOutput(plan, set, name, actual, wanted, atol, pooled)] : [];
  });
  const label = labelOf(plan, prediction, expected, comparisons);
  const passed =
    missing.length === 0 &&
    extra.length === 0 &&
    comparisons.length > 0 &&
    comparisons.every((c) => c.passed) &&
    (label?.passed ?? true);
  return { name: set.name, passed, comparisons, missing, extra, label };
}

function compareOutput(
  plan: Plan,
  set: InputSet,
  name: string,
  actual: HostTensor,
  expected: HostTensor,
  atol: number | undefined,
  pooled: PooledStatistics,
): Comparison {
  const planned: PlannedOutput = plan.outputs.find((o) => o.name === name) ?? { key: name, name, finish: "none" };
  const kind = outputKind(planned, plan);
  const positions = set.compare[name];
  const found = compare(name, actual, expected, {
    positions,
    tolerance: (reference) => toleranceOf(kind, plan.precision, withPooled(reference, pooled.get(name)), atol),
  });
  // An explicit gate is the only one.
  if (kind !== "probabilities" || atol !== undefined || !found.passed) return found;
  const failure = logitsFailure(actual, expected, plan.precision, positions);
  return failure === undefined ? found : { ...found, passed: false, failures: [failure] };
}

/** A label must be the one its own probabilities point at, and the reference's unless the two are a tie. */
function labelOf(
  plan: Plan,
  { outputs, label }: Prediction,
  expected: HostTensors,
  comparisons: readonly Comparison[],
): LabelComparison | null {
  if (!plan.classifier) return null;
  const { probabilities } = plan.classifier;
  const [own, wanted] = [outputs[probabilities], expected[probabilities]].map((t) => bestLabel(plan, t));
  const tie = (comparisons.find((c) => c.output === probabilities)?.argMax?.ties ?? 0) > 0;
  const actual = label === undefined ? null : String(label);
  const passed = actual !== null && actual === own && (actual === wanted || tie);
  return { passed, actual, expected: wanted ?? null, tie };
}

function bestLabel({ labels = [] }: Plan, probabilities: HostTensor | undefined): string | undefined {
  if (!probabilities) return undefined;
  const values = Array.from(probabilities.data);
  return labels[values.indexOf(Math.max(...values))];
}
