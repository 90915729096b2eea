import { describe, expect, test } from "vitest";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { compareSet } from "../../src/validate/compare-set.ts";
import type { SetResult } from "../../src/validate/package-validation.ts";
import { planOf } from "./planned.ts";

const set = { name: "sentence", inputs: {}, compare: {} };
const floats = (values: readonly number[]): HostTensor => hostTensor("fp32", [1, values.length], values);

describe("outputs", () => {
  const plan = planOf("bert", "feature-extraction_relative_key");
  const same = floats([1, 2]);
  const passed = (actual: Record<string, HostTensor>, expected: Record<string, HostTensor>): boolean =>
    compareSet(plan, set, { outputs: actual }, expected).passed;

  test("must be those of the reference", () => {
    expect(passed({ a: same }, { a: same })).toBe(true);
    expect(passed({ a: same, b: same }, { a: same }), "one too many").toBe(false);
    expect(passed({ a: same }, { a: same, b: same }), "one too few").toBe(false);
    expect(passed({}, {}), "none at all").toBe(false);
  });

  test("all must pass", () => {
    expect(passed({ a: same, b: floats([1, 2.1]) }, { a: same, b: same })).toBe(false);
  });
});

describe("a classifier's label", () => {
  const plan = { ...planOf("bert", "text-classification_two_labels", { precision: "float16" }), labels: ["no", "yes"] };
  const result = (actual: number[], expected: number[], label: string | undefined): SetResult =>
    compareSet(
      plan,
      set,
      { outputs: { probabilities: floats(actual) }, ...(label === undefined ? {} : { label }) },
      { probabilities: floats(expected) },
    );

  test("is the reference's", () => {
    expect(result([0.2, 0.8], [0.201, 0.799], "yes")).toMatchObject({ passed: true, label: { tie: false } });
  });

  test("is not another than its own probabilities give", () => {
    expect(result([0.2, 0.8], [0.2, 0.8], "no")).toMatchObject({
      passed: false,
      label: { passed: false, actual: "no", expected: "yes" },
    });
    expect(result([0.499, 0.501], [0.501, 0.499], "no").passed, "though it is the reference's").toBe(false);
  });

  test("may be the other one of a tie", () => {
    expect(result([0.499, 0.501], [0.501, 0.499], "yes")).toMatchObject({
      passed: true,
      label: { actual: "yes", expected: "no", tie: true },
    });
  });

  test("is there", () => {
    expect(result([0.2, 0.8], [0.2, 0.8], undefined)).toMatchObject({ passed: false, label: { actual: null } });
  });
});
