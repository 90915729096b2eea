import { describe, expect, test } from "vitest";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { type CompareOptions, compare, unmatchedOutputs } from "../../src/validate/compare.ts";

const floats = (shape: readonly number[], values: readonly number[]): HostTensor => hostTensor("fp32", shape, values);
const within = (atol: number, tieMargin?: number): CompareOptions => ({
  tolerance: () => ({ atol, rule: "test", ...(tieMargin === undefined ? {} : { tieMargin: () => tieMargin }) }),
});

describe("figures", () => {
  const expected = floats([2, 2], [1, -2, 3, 0]);
  const actual = floats([2, 2], [1, -2, 2, 0.5]);

  test("of two known arrays", () => {
    const { error, passed, failures, tolerance, firstDivergence } = compare("y", actual, expected, within(0.5));
    expect(error).toEqual({
      count: 4,
      maxAbsolute: 1,
      maxAbsoluteAt: [1, 0],
      maxReference: 3,
      relative: 1 / 3,
      rms: Math.sqrt(1.25 / 4),
      relativeRms: Math.sqrt(1.25 / 14),
      cosine: 11 / (Math.sqrt(9.25) * Math.sqrt(14)),
      psnr: 20 * Math.log10(3 / Math.sqrt(1.25 / 4)),
    });
    expect(passed).toBe(false);
    expect(failures).toEqual(["max |difference| 1 is above 0.5"]);
    expect(tolerance).toEqual({ atol: 0.5, rule: "test" });
    expect(firstDivergence).toEqual({ index: [1, 0], actual: 2, expected: 3 });
  });

  test("the gate is inclusive", () => {
    expect(compare("y", actual, expected, within(1)).passed).toBe(true);
    expect(compare("y", actual, expected, within(0.999)).passed).toBe(false);
  });

  test("of equal arrays", () => {
    const { error, passed, firstDivergence } = compare("y", expected, expected, within(0));
    expect(error).toMatchObject({ maxAbsolute: 0, rms: 0, relativeRms: 0, cosine: 1, psnr: null });
    expect([passed, firstDivergence]).toEqual([true, null]);
  });

  test("have no ratio to a reference that is all zero", () => {
    const { error } = compare("y", floats([2], [0, 0.1]), floats([2], [0, 0]), within(1));
    expect(error).toMatchObject({ relative: null, relativeRms: null, cosine: null, psnr: null });
  });
});

describe("what fails whatever the tolerance", () => {
  const expected = floats([3], [1, 2, 3]);

  test("NaN", () => {
    const c = compare("y", floats([3], [1, Number.NaN, 3]), expected, within(Number.POSITIVE_INFINITY));
    expect(c).toMatchObject({ passed: false, nan: 1, infinite: 0, failures: ["1 values are NaN"] });
    expect(c.firstDivergence).toEqual({ index: [1], actual: null, expected: 2 });
    expect(c.error?.count).toBe(2);
  });

  test("infinity, of either sign", () => {
    const values = [Number.POSITIVE_INFINITY, 2, Number.NEGATIVE_INFINITY];
    const c = compare("y", floats([3], values), expected, within(Number.POSITIVE_INFINITY));
    expect(c).toMatchObject({ passed: false, nan: 0, infinite: 2, failures: ["2 values are infinite"] });
  });

  test("the same infinity on both sides", () => {
    const both = floats([1], [Number.POSITIVE_INFINITY]);
    expect(compare("y", both, both, within(1)).passed).toBe(false);
  });

  test("a reference that is not finite", () => {
    const c = compare("y", expected, floats([3], [1, Number.NaN, 3]), within(1));
    expect(c.failures).toEqual(["the reference has 1 values that are not finite"]);
  });

  test("another shape of as many values", () => {
    const c = compare("y", floats([3, 1], [1, 2, 3]), expected, within(1));
    expect(c).toMatchObject({ passed: false, error: null, failures: ["shape [3,1] is not [3]"] });
  });

  test("nothing to compare", () => {
    expect(compare("y", floats([0], []), floats([0], []), within(1)).passed).toBe(false);
  });
});

describe("masked positions", () => {
  const positions = { axis: 1, kept: [0, 2] };
  const expected = floats([1, 3, 2], [1, 2, 3, 4, 5, 6]);

  test("are not compared", () => {
    const c = compare("y", floats([1, 3, 2], [1, 2, 99, 99, 5, 6]), expected, { positions, ...within(0) });
    expect(c).toMatchObject({ passed: true, error: { count: 4, maxReference: 6 } });
  });

  test("must be finite", () => {
    const c = compare("y", floats([1, 3, 2], [1, 2, Number.NaN, 4, 5, 6]), expected, { positions, ...within(0) });
    expect(c).toMatchObject({ passed: false, nan: 1, error: { count: 4 } });
  });

  test("do not widen a tolerance that follows from the reference", () => {
    let max = 0;
    compare("y", expected, expected, {
      positions: { axis: 1, kept: [0] },
      tolerance: (reference) => {
        max = reference.max;
        return { atol: 1, rule: "" };
      },
    });
    expect(max).toBe(2);
  });

  test("on the last axis are no candidates of an arg-max", () => {
    const options = { positions: { axis: 1, kept: [0, 1] }, ...within(10, 0) };
    const c = compare("y", floats([1, 3], [1, 2, 9]), floats([1, 3], [1, 2, 0]), options);
    expect(c.argMax).toEqual({ rows: 1, agreeing: 1, ties: 0 });
  });
});

describe("arg-max", () => {
  const expected = floats([2, 3], [0, 1, 0.95, 5, 1, 2]);

  test("agrees by row", () => {
    const c = compare("y", floats([2, 3], [0, 1, 0.9, 4.9, 1, 2]), expected, within(1, 0.1));
    expect(c).toMatchObject({ passed: true, argMax: { rows: 2, agreeing: 2, ties: 0 } });
  });

  test("may differ between values that are a tie in the reference", () => {
    const c = compare("y", floats([2, 3], [0, 0.96, 0.97, 5, 1, 2]), expected, within(1, 0.06));
    expect(c).toMatchObject({ passed: true, argMax: { rows: 2, agreeing: 1, ties: 1 } });
  });

  test("fails outside the tie margin though every value is inside the gate", () => {
    const c = compare("y", floats([2, 3], [0, 0.96, 0.97, 5, 1, 2]), expected, within(1, 0.04));
    expect(c).toMatchObject({ passed: false, failures: ["arg-max differs in 1 of 2 rows"] });
  });

  test("skips masked rows", () => {
    const options = { positions: { axis: 0, kept: [1] }, ...within(1, 0) };
    const c = compare("y", floats([2, 3], [9, 0, 0, 5, 1, 2]), expected, options);
    expect(c.argMax).toEqual({ rows: 1, agreeing: 1, ties: 0 });
  });
});

test("outputs of one side only are named", () => {
  const t = floats([1], [0]);
  expect(unmatchedOutputs({ a: t, b: t }, { b: t, c: t })).toEqual({ missing: ["c"], extra: ["a"] });
});
