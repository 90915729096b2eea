export type ExecutorName = "onnxruntime" | "coreml";

/** Whether a package computes what its reference computes. Success is never claimed for a check that did not run. */
export type Verdict =
  | { readonly status: "passed"; readonly executor: ExecutorName }
  | { readonly status: "failed"; readonly executor: ExecutorName; readonly reason: string }
  | { readonly status: "not-run"; readonly executor: null; readonly reason: string };

export const notRun = (reason: string): Verdict => ({ status: "not-run", executor: null, reason });

/** One verdict for several packages: failed before not run before passed by ONNX Runtime before passed by Core ML. */
export function overallVerdict(verdicts: readonly Verdict[]): Verdict {
  const byStatus = (status: Verdict["status"]): Verdict | undefined => verdicts.find((v) => v.status === status);
  const withoutCoreML = verdicts.find((v) => v.status === "passed" && v.executor === "onnxruntime");
  return byStatus("failed") ?? byStatus("not-run") ?? withoutCoreML ?? verdicts[0] ?? notRun("there is no package");
}

/** The verdict in the words every output uses. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.status) {
    case "passed":
      return verdict.executor === "coreml" ? "passed (Core ML)" : "passed (package run by ONNX Runtime)";
    case "failed":
      return `failed: ${verdict.reason}`;
    case "not-run":
      return `not run: ${verdict.reason}`;
  }
}
