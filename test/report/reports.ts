import type { Plan } from "../../src/plan.ts";
import { makeReport, type Report } from "../../src/report/report.ts";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { compareSet } from "../../src/validate/compare-set.ts";
import type { PackageValidation, SetResult } from "../../src/validate/package-validation.ts";
import type { Verdict } from "../../src/validate/verdict.ts";
import { planOf } from "../validate/planned.ts";

export const passed: Verdict = { status: "passed", executor: "onnxruntime" };

export const floats = (shape: readonly number[], values: readonly number[]): HostTensor =>
  hostTensor("fp32", shape, values);

/** One call of a plan with the given answers. */
export const setOf = (
  plan: Plan,
  name: string,
  actual: Record<string, HostTensor>,
  expected: Record<string, HostTensor>,
  label?: string,
): SetResult =>
  compareSet(
    plan,
    { name, inputs: {}, compare: {} },
    { outputs: actual, ...(label === undefined ? {} : { label }) },
    expected,
  );

export const validationOf = (sets: readonly SetResult[], more: Partial<PackageValidation> = {}): PackageValidation => ({
  verdict: passed,
  reference: { kind: "checkpoint", name: "org/model" },
  inputs: { seed: 0, sha256: "0".repeat(64) },
  classes: null,
  sets,
  precisionSpread: [],
  diagnostics: [],
  measured: { runs: sets.length, peakMemory: 123_456_789, seconds: 1.5 },
  ...more,
});

export const environment = { platform: "linux", arch: "x64", node: "24.0.0", onnxruntime: "1.30.0" };

export const hiddenPlan: Plan = planOf("bert", "feature-extraction_relative_key", {
  outputs: { pooler_output: null },
});
export const classifierPlan: Plan = planOf("bert", "text-classification_two_labels");

const hidden = floats([1, 2, 3], [1, -1, 0.5, 2, 0, -2]);
export const goodSet = setOf(hiddenPlan, "length-2", { last_hidden_state: hidden }, { last_hidden_state: hidden });
export const badSet = setOf(
  hiddenPlan,
  "right-padded",
  { last_hidden_state: floats([1, 2, 3], [1, -1, 0.5, 2, 0.25, -2]) },
  { last_hidden_state: hidden },
);

export function reportOf(plan: Plan, validation: PackageValidation, name = "Model.mlpackage"): Report {
  const size = { bytes: 1_234_567, weights: { fp32: { tensors: 3, bytes: 1_234_000 } } };
  return makeReport([{ path: `/home/someone/${name}`, plan, size, validation }], { diagnostics: [], environment });
}
