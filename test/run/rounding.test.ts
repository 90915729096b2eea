import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { float32 } from "../../src/mil/builder.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { allNodes, type Func } from "../../src/mil/program.ts";
import { tensorType } from "../../src/mil/types.ts";
import type { HostTensor } from "../../src/run/host-tensor.ts";
import { lower, type Mode } from "../../src/run/lower.ts";
import { openSession } from "../../src/run/session.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { Graph } from "../mil/graph.ts";
import { describedBy, packageOf, testFolder } from "./packages.ts";

const folder = testFolder();
let count = 0;

const modes: readonly Mode[] = ["rounded", "wide"];
const vector = (...values: number[]): HostTensor => ({
  dtype: "fp32",
  shape: [values.length],
  data: Float32Array.from(values),
});
const half = (size: number): ReturnType<typeof tensorType> => tensorType("fp16", [size]);

/** The outputs of a function in both modes, and the number of roundings. */
async function bothModes(func: Func, x: HostTensor): Promise<Record<Mode, { roundings: number; y: number[] }>> {
  const path = await packageOf(join(folder, `${count++}.mlpackage`), func);
  const results = modes.map(async (mode) => {
    const session = await openSession(path, { mode });
    const { outputs } = await session.run({ x });
    return [mode, { roundings: session.roundings, y: [...(outputs.y?.data ?? [])] }] as const;
  });
  return Object.fromEntries(await Promise.all(results)) as Record<Mode, { roundings: number; y: number[] }>;
}

/** x -> fp16, `body`, -> fp32. */
function halved(size: number, body: (g: Graph, x: ReturnType<Graph["op"]>) => ReturnType<Graph["op"]>): Func {
  const g = new Graph("iOS16");
  const x = g.op("cast", { x: g.input("x", float32([size])), dtype: "fp16" });
  return g.end({ y: g.op("cast", { x: body(g, x), dtype: "fp32" }) });
}

test("each fp16 result is rounded once, none in mode wide", async () => {
  const func = halved(2, (g, x) => g.op("tanh", { x: g.op("add", { x: g.op("mul", { x, y: x }), y: 1 }) }));
  const results = [...allNodes(func.body)].flatMap((n) =>
    n.op === "const" ? [] : n.outputs.filter((v) => v.type.kind === "tensor" && v.type.dtype === "fp16"),
  );
  expect(results).toHaveLength(4);
  const { rounded, wide } = await bothModes(func, vector(1, 2));
  expect([rounded.roundings, wide.roundings]).toEqual([4, 0]);
});

test("operations that only move values round nothing", async () => {
  const func = halved(4, (g, x) => g.op("reverse", { x: g.op("reshape", { x, shape: [4] }), axes: [0] }));
  const { rounded } = await bothModes(func, vector(1, 2, 3, 4));
  // The cast into half precision.
  expect(rounded).toEqual({ roundings: 1, y: [4, 3, 2, 1] });
});

describe("the roundings survive the optimiser", () => {
  test("1 + 2^-12 loses its digit in mode rounded and keeps it in mode wide", async () => {
    const func = halved(1, (g, x) => g.op("add", { x, y: 2 ** -12 }));
    const { rounded, wide } = await bothModes(func, vector(1));
    expect([rounded.y, wide.y]).toEqual([[1], [1 + 2 ** -12]]);
  });
  test("in a row, one after the other", async () => {
    // Each addition alone is lost; together they would be 1 + 2^-10, which half precision holds.
    const func = halved(1, (g, x) => {
      let sum = x;
      for (let i = 0; i < 4; i++) sum = g.op("add", { x: sum, y: 2 ** -12 });
      return sum;
    });
    const { rounded, wide } = await bothModes(func, vector(1));
    expect([rounded.y, wide.y]).toEqual([[1], [1 + 2 ** -10]]);
  });
  test("on the way in", async () => {
    const { rounded, wide } = await bothModes(
      halved(1, (g, x) => g.op("sub", { x, y: 1 })),
      vector(1 + 2 ** -12),
    );
    expect([rounded.y, wide.y]).toEqual([[0], [2 ** -12]]);
  });
  test("of matrix products, and what the optimiser fuses with them", async () => {
    const func = halved(2, (g, x) => {
      const weight = tensorOf("fp16", [2, 2], [1, 2 ** -12, 1, 0], "w");
      const rows = g.op("reshape", { x, shape: [1, 2] });
      const bias = tensorOf("fp16", [2], [0, 0], "b");
      return g.op("reshape", { x: g.op("relu", { x: g.op("linear", { x: rows, weight, bias }) }), shape: [2] });
    });
    const { rounded, wide } = await bothModes(func, vector(1, 1));
    expect([rounded.y, wide.y]).toEqual([
      [1, 1],
      [1 + 2 ** -12, 1],
    ]);
  });
  test("to nearest, ties to even", async () => {
    const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2049, 2051, 2 ** -25, 3 * 2 ** -26];
    const { rounded } = await bothModes(
      halved(6, (_, x) => x),
      vector(...ties),
    );
    expect(rounded.y).toEqual([1, 1 + 2 ** -9, 2048, 2052, 0, 2 ** -24]);
  });
});

test("nothing is clamped: 65,520 and above is infinite", async () => {
  const func = halved(3, (g, x) => g.op("add", { x, y: tensorOf("fp16", [3], [15, 16, -16], "more") }));
  const { rounded, wide } = await bothModes(func, vector(65504, 65504, -65504));
  expect(rounded.y).toEqual([65504, Infinity, -Infinity]);
  expect(wide.y).toEqual([65519, 65520, -65520]);
});

test("what stands in half precision on disk decodes exactly", async () => {
  const func = halved(1, (g, x) => g.op("mul", { x, y: tensorOf("fp16", [1], [1 / 3], "third") }));
  const { rounded, wide } = await bothModes(func, vector(1));
  expect([rounded.y, wide.y]).toEqual([[0.333251953125], [0.333251953125]]);
});

test("an fp16 input has no more than its digits in either mode", async () => {
  const g = new Graph("iOS16");
  const y = g.op("cast", { x: g.input("x", half(1)), dtype: "fp32" });
  const { rounded, wide } = await bothModes(g.end({ y }), vector(1 + 2 ** -12));
  expect([rounded.y, wide.y]).toEqual([[1], [1]]);
});

test("fp32 results are not rounded", async () => {
  const g = new Graph("iOS16");
  const func = g.end({ y: g.op("add", { x: g.input("x", float32([1])), y: 2 ** -20 }) });
  const { rounded } = await bothModes(func, vector(1));
  expect(rounded).toEqual({ roundings: 0, y: [1 + 2 ** -20] });
});

test("results inside the branches of a cond are rounded", async () => {
  const g = new Graph("iOS16");
  const x = g.op("cast", { x: g.input("x", float32([1])), dtype: "fp16" });
  const pred = g.op("greater", { x: g.op("reduce_max", { x, axes: [0], keep_dims: false }), y: 0 });
  const branch = (by: number) => g.block(() => [g.op("add", { x, y: by })]);
  const [chosen] = g.emit("cond", { pred }, { blocks: [branch(2 ** -12), branch(4)] });
  const func = g.end({ y: g.op("cast", { x: chosen as typeof x, dtype: "fp32" }) });
  const { rounded, wide } = await bothModes(func, vector(1));
  expect([rounded.y, wide.y]).toEqual([[1], [1 + 2 ** -12]]);
  expect(wide.roundings).toBe(0);
  expect(lower(func, describedBy(func), ops, { mode: "rounded" }).roundings).toBe(rounded.roundings);
});
