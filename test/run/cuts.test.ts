import { describe, expect, test } from "vitest";
import { cutsOf, type Step } from "../../src/run/blocks/cuts.ts";

/** Step i reads `reads` and makes `v<i>`. Constants are `w<bytes>…`, values `v…`. */
const steps = (...reads: readonly string[]): Step[] =>
  reads.map((names, i) => ({ reads: new Set(names.split(" ").filter((n) => n !== "")), writes: [`v${i}`] }));
const sizes = (values: Readonly<Record<string, number>> = {}) => ({
  constant: (name: string): number => Number(/^w(\d+)/.exec(name)?.[1] ?? 0),
  value: (name: string): number => values[name] ?? 1,
});

describe("cuts", () => {
  test("none where everything fits", () => {
    expect(cutsOf(steps("w4", "v0 w4", "v1 w2"), 10, sizes())).toEqual([0]);
    expect(cutsOf([], 10, sizes())).toEqual([0]);
  });
  test("before a part exceeds the limit", () => {
    expect(cutsOf(steps("w4a", "v0 w4b", "v1 w4c", "v2 w4d", "v3 w4e"), 8, sizes())).toEqual([0, 2, 4]);
  });
  test("a constant read twice in a part counts once, and once more in another part", () => {
    expect(cutsOf(steps("w4a", "v0 w4a", "v1 w4a w4b", "v2 w4a w1"), 8, sizes())).toEqual([0, 3]);
  });
  test("a step is never cut, however much it reads", () => {
    expect(cutsOf(steps("w1", "v0 w50", "v1 w1"), 8, sizes())).toEqual([0, 1, 2]);
  });
  test("where the fewest bytes are alive", () => {
    // v1 is wide, v0 narrow: one step earlier.
    const chain = steps("w4a", "v0 w4b", "v1 w4c");
    expect(cutsOf(chain, 8, sizes({ v1: 100 }))).toEqual([0, 1]);
    expect(cutsOf(chain, 8, sizes({ v0: 100 }))).toEqual([0, 2]);
  });
  test("a value is alive until it is last read, and not after", () => {
    // Before step 3 both v0 (read by 3) and v2 are alive, before step 2 v0 and v1, before step 4 only v3.
    const residual = steps("w4a", "v0 w1b", "v1 w1c", "v2 v0 w1d", "v3 w1e", "v4 w4f");
    expect(cutsOf(residual, 8, sizes({ v0: 10, v4: 5 }))).toEqual([0, 4]);
  });
  test("but not so early that a part holds less than half of what it could", () => {
    const wide = steps("w1a", "v0 w1b", "v1 w1c", "v2 w1d", "v3 w1e", "v4 w1f", "v5 w1g", "v6 w1h", "v7 w1i");
    const values = Object.fromEntries(wide.map((_, i) => [`v${i}`, i === 0 ? 1 : 100]));
    expect(cutsOf(wide, 8, sizes(values))).toEqual([0, 8]);
  });
});
