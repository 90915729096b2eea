import { expect, test } from "vitest";
import type { Precision } from "../../src/plan.ts";
import { hostTensor } from "../../src/run/host-tensor.ts";
import { locateDivergence, type Watchable } from "../../src/validate/locate.ts";

/** A program whose value `v<i>` is `values[i]`, at most as many watched at once as a run can bear. */
const program = (values: readonly number[]): Watchable => ({
  values: values.map((_, i) => ({ name: `v${i}`, op: `op${i}`, isHalf: false })),
  open: async (watch) => {
    expect(watch.length).toBeLessThanOrEqual(100);
    const outputs = Object.fromEntries(
      watch.map((name) => [name, hostTensor("fp32", [1], [values[Number(name.slice(1))] ?? Number.NaN])]),
    );
    return {
      interface: { inputs: [], states: [], outputs: [] },
      roundings: 0,
      blocks: 1,
      peakMemory: 0,
      run: async () => ({ outputs }),
      close: () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
});

const located = (errors: readonly number[], precision: Precision = "float32") =>
  locateDivergence(program(errors.map((e) => 1 + e)), program(errors.map(() => 1)), precision, {
    name: "set",
    inputs: {},
    compare: {},
  });

test("noise that grows slowly is no divergence", async () => {
  expect(await located([1e-6, 9e-6, 5e-5, 4e-4, 3e-3])).toBeUndefined();
});

test("a jump by more than ten times is", async () => {
  expect(await located([1e-6, 2e-5 / 3, 1e-3, 1e-2])).toMatchObject({ value: "v2", op: "op2" });
});

test("below the noise of the precision nothing is", async () => {
  expect(await located([0, 1e-7, 5e-6])).toBeUndefined();
  expect(await located([0, 5e-3])).toMatchObject({ value: "v1" });
  expect(await located([0, 5e-3], "float16")).toBeUndefined();
});

test("NaN is, at once", async () => {
  expect(await located([0, Number.NaN, 0])).toMatchObject({ value: "v1", relativeRms: null });
});

test("values far down a long program are found", async () => {
  const errors = Array.from({ length: 250 }, (_, i) => (i < 240 ? 0 : 1));
  expect(await located(errors)).toMatchObject({ value: "v240", before: 0 });
});
