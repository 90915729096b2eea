export type ExecutorName = "onnxruntime" | "coreml";

/** Whether a package computes what its reference computes. Success is never claimed for a check that did not run. */
export type Verdict =
  | {
      readonly status: "passed";
      readonly executor: ExecutorName;
      /** Outputs that the reference does not give: nothing is claimed of them. */
      readonly notCompared?: readonly string[];
    }
  | { readonly status: "failed"; readonly executor: ExecutorName; readonly reason: string }
  | { readonly status: "not-run"; readonly executor: null; readonly reason: string };

export const notRun = (reason: string): Verdict => ({ status: "not-run", executor: null, reason });

/** One verdict for several packages: failed before not run before passed by ONNX Runtime before passed by Core ML. */
export function overallVerdict(verdicts: readonly Verdict[]): Verdict {
  const byStatus = (status: Verdict["status"]): Verdict | undefined => verdicts.find((v) => v.status === status);
  const withoutCoreML = verdicts.find((v) => v.status === "passed" && v.executor === "onnxruntime");
  const overall = byStatus("failed") ?? byStatus("not-run") ?? withoutCoreML ?? verdicts[0];
  if (overall?.status !== "passed") return overall ?? notRun("there is no package");
  const notCompared = [...new Set(verdicts.flatMap((v) => (v.status === "passed" ? (v.notCompared ?? []) : [])))];
  return notCompared.length > 0 ? { ...overall, notCompared } : overall;
}

/** The verdict in the words every output uses. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.status) {
    case "passed": {
      const how = verdict.executor === "coreml" ? "passed (Core ML)" : "passed (package run by ONNX Runtime)";
      return `${how}${notComparedText(verdict.notCompared)}`;
    }
    case "failed":
      return `failed: ${verdict.reason}`;
    case "not-run":
      return `not run: ${verdict.reason}`;
  }
}

/** How many outputs a verdict names: a decoder has dozens. */
const MAX_NAMED = 4;

/** What a verdict does not cover, as its end: `, not compared: pooler_output`; empty where it covers everything. */
export function notComparedText(outputs: readonly string[] = []): string {
  if (outputs.length === 0) return "";
  const more = outputs.length - MAX_NAMED;
  return `, not compared: ${outputs.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
