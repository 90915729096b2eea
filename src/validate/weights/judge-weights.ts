import type { TensorSource } from "../../checkpoint/checkpoint.ts";
import type { Diagnostic } from "../../diagnostics.ts";
import type { Func } from "../../mil/program.ts";
import type { OpTable } from "../../mil/row.ts";
import { compressedWeights } from "./compressed-weights.ts";
import { type MatchedWeight, matchWeight } from "./matched-weights.ts";

/** What the compressed weights of a package are worth. */
export interface WeightJudgement {
  /** Why the package fails whatever its outputs are; undefined when nothing is wrong with its weights. */
  readonly failure: string | undefined;
  /**
   * The checkpoint with the compressed weights as the package decodes them, so that its outputs can be held against a
   * graph that differs in nothing but the arithmetic; undefined when no weight is compressed.
   */
  readonly tensors: TensorSource | undefined;
  /** Whether every compressed weight was found in the checkpoint. */
  readonly isWhole: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compares each compressed weight with the tensor of the checkpoint whose values it holds. No gate on outputs can tell
 * what compression costs from what a fault does: a 4-bit table moves outputs more than a lost bias. So the two are taken
 * apart. Weights: the values must be about the nearest their table or scale offers. Outputs: compared, as tightly as any of half
 * precision, with the graph over the decoded weights.
 */
export function judgeWeights(func: Func, table: OpTable, source: TensorSource): WeightJudgement {
  const weights = compressedWeights(func, table);
  const pairs = weights.map((weight) => [weight, matchWeight(weight, source)] as const);
  const matched = pairs.flatMap(([, m]) => m ?? []);
  const note = (path: string, message: string, severity: Diagnostic["severity"] = "note"): Diagnostic => ({
    code: "weight.compressed",
    severity,
    path,
    message,
  });
  const wrong = matched.filter((m) => m.isNearest === false);
  const diagnostics = [
    ...pairs.flatMap(([weight, m]) =>
      m ? [] : [note(weight.name, `${weight.op} decodes to no tensor of the checkpoint`, "warning")],
    ),
    ...wrong.map((m) =>
      note(m.weight.name, `is not ${m.tensor} compressed: ${percent(m)} off, and nearer values were on offer`, "error"),
    ),
    ...summaries(matched),
  ];
  const [first] = wrong;
  return {
    failure: first && `${wrong.length} compressed weights are not those of the checkpoint (${first.tensor})`,
    tensors: matched.length > 0 ? replaced(source, matched) : undefined,
    isWhole: matched.length === weights.length,
    diagnostics,
  };
}

/** One line per way of compressing: how many, and the worst. */
function summaries(matched: readonly MatchedWeight[]): Diagnostic[] {
  return [...new Set(matched.map((m) => m.weight.op))].map((op): Diagnostic => {
    const group = matched.filter((m) => m.weight.op === op);
    const worst = group.reduce((a, b) => (b.relativeRms > a.relativeRms ? b : a));
    const checked = group.filter((m) => m.isNearest === true).length;
    return {
      code: "weight.compressed",
      severity: "note",
      path: op,
      message: `${group.length} weights, farthest from the checkpoint ${worst.tensor} (${percent(worst)} of its root mean square); ${checked} of them hold values as near as their tables or scales offer`,
    };
  });
}

const percent = ({ relativeRms }: MatchedWeight): string => `${(100 * relativeRms).toPrecision(3)} %`;

function replaced(source: TensorSource, matched: readonly MatchedWeight[]): TensorSource {
  const decoded = new Map(matched.map((m) => [m.tensor, m.decoded]));
  return { names: () => source.names(), get: (name) => decoded.get(name) ?? source.get(name) };
}
