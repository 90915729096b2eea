import { describe, expect, test } from "vitest";
import type { OperationsDifference } from "../../src/diff/difference.ts";
import { diff } from "../../src/diff.ts";
import { float32 } from "../../src/mil/builder.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import { Graph } from "../mil/graph.ts";
import { packageOf, type Stack, stack, varied, weight } from "./packages.ts";

async function operations(a: Stack, b: Stack): Promise<OperationsDifference> {
  const found = await diff(await packageOf({ main: stack(a) }), await packageOf({ main: stack(b) }));
  return (found.functions[0] as (typeof found.functions)[0]).operations;
}

describe("operations", () => {
  test("that only have other names are the same", async () => {
    const a = await packageOf({ main: stack() });
    const b = await packageOf({ main: stack({ nameOf: (i) => `op_${i + 40}` }) });
    const { verdict, functions } = await diff(a, b);
    expect(verdict).toEqual({
      status: "equal",
      summary: "equal: the bytes differ, only names do (7 operations, 0 weights)",
    });
    // The last one carries the name of the output.
    expect(functions[0]?.operations).toMatchObject({ added: [], removed: [], changed: [], renamed: 7 });
  });

  test("that were renumbered because one was put in are still the same", async () => {
    const inserted = await operations(
      {},
      {
        nameOf: (i) => `var_${i < 4 ? i : i + 1}`,
        after: (g, x, layer) => (layer === 1 ? g.op("relu", { x }, "var_4") : x),
      },
    );
    expect(inserted.added).toEqual([
      { op: "relu", name: "var_4", text: "var_4: tensor<fp32, [1, 16]> = relu(x = var_3)" },
    ]);
    expect(inserted.removed).toEqual([]);
    expect(inserted.histogram).toEqual([{ op: "relu", a: 4, b: 5 }]);
    expect(inserted.count).toEqual({ a: 8, b: 9 });
    // What follows takes another value, and that is all.
    expect(inserted.changed).toEqual([
      { op: "matmul", name: "var_4", nameInB: "var_5", fields: [{ field: "x", a: "var_3", b: "var_4" }] },
    ]);
  });

  test("of one kind in a row are told apart by what they take and by name", async () => {
    const extra: Stack = { after: (g, x, layer) => (layer === 1 ? g.op("relu", { x }, "extra") : x) };
    expect((await operations({}, extra)).added.map((n) => n.name)).toEqual(["extra"]);
    expect((await operations(extra, {})).removed.map((n) => n.name)).toEqual(["extra"]);
    const rectified = async (isExtra: boolean): Promise<string> => {
      const g = new Graph();
      const [p, q] = [g.input("p", float32([4])), g.input("q", float32([4]))];
      const other = isExtra ? g.op("relu", { x: q }, "relu_1") : q;
      return packageOf({ main: g.end({ y: g.op("sub", { x: other, y: g.op("relu", { x: p }, "relu_2") }) }) });
    };
    const before = await diff(await rectified(false), await rectified(true));
    expect(before.functions[0]?.operations.added.map((n) => n.name)).toEqual(["relu_1"]);
  });

  test("that changed places keep their weights", async () => {
    const { added, removed, changed } = await operations({}, { layers: [0, 2, 1, 3], nameOf: (i) => `op_${i}` });
    expect(changed.flatMap((c) => c.fields.map((f) => f.field))).not.toContain("y");
    expect([added.length, removed.length]).toEqual([2, 2]);
  });

  test("of half precision with the same numbers differ in dtype only", async () => {
    const g = new Graph();
    const func = g.end({ y: g.op("mul", { x: g.input("x", float32([4])), y: 0.1 }) });
    const half = halfPrecision(func, ops);
    const { functions } = await diff(await packageOf({ main: func }), await packageOf({ main: half }));
    expect(functions[0]?.operations.changed.map((c) => c.fields)).toEqual([
      [{ field: "result dtype", a: "fp32", b: "fp16" }],
    ]);
  });

  test("that are gone or replaced are told", async () => {
    const replaced = await operations({}, { activation: (layer) => (layer === 2 ? "sigmoid" : "relu") });
    expect(replaced.removed.map((n) => n.op)).toEqual(["relu"]);
    expect(replaced.added.map((n) => n.op)).toEqual(["sigmoid"]);
    expect(replaced.histogram).toEqual([
      { op: "relu", a: 4, b: 3 },
      { op: "sigmoid", a: 0, b: 1 },
    ]);
    const shorter = await operations({}, { layers: [0, 2, 3], nameOf: (i) => `var_${i}` });
    expect(shorter.removed.map((n) => n.op)).toEqual(["matmul", "relu"]);
    expect(shorter.added).toEqual([]);
  });

  test("of other parameters are told with both values; a half of the same number is no change", async () => {
    const clipped = async (target: "iOS16" | "iOS17", beta: number, alpha = 0.1): Promise<string> => {
      const g = new Graph(target);
      const x = g.op("clip", { x: g.input("x", float32([4])), alpha, beta });
      return packageOf({ main: g.end({ y: x }) });
    };
    const found = await diff(await clipped("iOS16", 6), await clipped("iOS16", 8));
    expect(found.functions[0]?.operations.changed).toEqual([
      { op: "clip", name: "y", nameInB: "y", fields: [{ field: "beta", a: "6", b: "8" }] },
    ]);
    expect(found.verdict.summary).toBe("same interface, 1 operation differs, same weights");
    const target = await diff(await clipped("iOS16", 6), await clipped("iOS17", 6));
    expect(target.verdict.summary).toBe("same interface, same operations, same weights, target differs");
  });

  test("see through casts that one side has", async () => {
    const a = await packageOf({ main: stack({ layers: [0] }) });
    const cast = (dtype: "fp16" | "fp32") => (g: Graph, x: Parameters<NonNullable<Stack["after"]>>[1]) =>
      g.op("cast", { x, dtype });
    const b = await packageOf({ main: stack({ layers: [0], after: (g, x) => cast("fp32")(g, cast("fp16")(g, x)) }) });
    const { added, removed, changed } = ((await diff(a, b)).functions[0] as { operations: OperationsDifference })
      .operations;
    expect([added.map((n) => n.op), removed, changed]).toEqual([["cast", "cast"], [], []]);
  });

  test("whose operands are exchanged are changed, and so is a function that gives another value", async () => {
    const difference = async (isExchanged: boolean, isOther: boolean): Promise<string> => {
      const g = new Graph();
      const [x, y] = [g.input("x", float32([4])), g.input("y", float32([4]))];
      const [left, right] = isExchanged ? [y, x] : [x, y];
      const z = g.op("sub", { x: left, y: right }, "difference");
      const twice = g.op("add", { x: z, y: z }, "twice");
      return packageOf({ main: g.end(isOther ? { p: z, q: z } : { p: z, q: twice }) });
    };
    const exchanged = await diff(await difference(false, false), await difference(true, false));
    expect(exchanged.functions[0]?.operations.changed).toEqual([
      expect.objectContaining({
        op: "sub",
        fields: [
          { field: "x", a: "x", b: "y" },
          { field: "y", a: "y", b: "x" },
        ],
      }),
    ]);
    const other = await diff(await difference(false, false), await difference(false, true));
    expect(other.verdict.status).toBe("different");
  });

  test("of functions on one side only are counted", async () => {
    const one = stack({ target: "iOS18", layers: [0] });
    const found = await diff(await packageOf({ main: one, extra: one }), await packageOf({ main: one, other: one }));
    expect(found.functions.map((f) => [f.name, f.change])).toEqual([
      ["main", "same"],
      ["extra", "removed"],
      ["other", "added"],
    ]);
    expect(found.functions[1]?.operations.count).toEqual({ a: 2, b: 0 });
    expect(found.verdict.summary).toContain("2 functions added or removed");
  });

  test("of a long program without weights are aligned as well", async () => {
    const long = async (extra: number | undefined): Promise<string> => {
      const g = new Graph();
      let x = g.input("x", float32([4]));
      for (let i = 0; i < 3000; i++) {
        x = g.op(i % 3 === 0 ? "relu" : i % 3 === 1 ? "tanh" : "abs", { x });
        if (i === extra) x = g.op("sigmoid", { x });
      }
      return packageOf({ main: g.end({ y: x }) });
    };
    const found = await diff(await long(undefined), await long(1500));
    expect(found.functions[0]?.operations.added.map((n) => n.op)).toEqual(["sigmoid"]);
    expect(found.functions[0]?.operations.removed).toEqual([]);
    expect(found.functions[0]?.operations.changed).toHaveLength(1);
  });
});

test("a constant that is a parameter is no weight", async () => {
  const scaled = async (factor: number): Promise<string> => {
    const g = new Graph();
    const x = g.input("x", float32([4]));
    return packageOf({
      main: g.end({ y: g.op("mul", { x: g.op("add", { x, y: weight("w", [4], varied(1)) }), y: factor }) }),
    });
  };
  const { weights, functions } = await diff(await scaled(2), await scaled(3));
  expect(weights).toMatchObject({ count: { a: 1, b: 1 }, identical: 1 });
  expect(functions[0]?.operations.changed.map((c) => c.fields)).toEqual([[{ field: "y", a: "2", b: "3" }]]);
});
