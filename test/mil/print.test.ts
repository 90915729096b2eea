import { expect, test } from "vitest";
import { float32, int32 } from "../../src/mil/builder.ts";
import { length } from "../../src/mil/dim.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { print } from "../../src/mil/print.ts";
import { verify } from "../../src/mil/verify.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { Graph, programOf } from "./graph.ts";

const S = length("S", 1, 8);

test("weights are lines of their own, short constants stand where they are used", () => {
  const g = new Graph();
  const x = g.input("x", float32([1, S, 4]));
  const y = g.scoped("dense", () =>
    g.op("linear", { x, weight: tensorOf("fp32", [3, 4], Array(12).fill(0.5), "dense.weight") }),
  );
  const probabilities = g.inFloat32(() => g.op("softmax", { x: y, axis: -1 }));
  const clipped = g.op("clip", { x: probabilities, alpha: 0.1, beta: Number.POSITIVE_INFINITY });
  const program = programOf(g.end({ clipped }));
  const text = print(program);
  expect(text).toMatchInlineSnapshot(`
    "func main<iOS16>(x: tensor<fp32, [1, S, 4]>) {
      dense_weight: tensor<fp32, [3, 4]> = const(dense.weight)
      dense_linear: tensor<fp32, [1, S, 3]> = linear(x = x, weight = dense_weight, bias = [0, 0, 0])
      softmax: tensor<fp32, [1, S, 3]> = softmax(x = dense_linear, axis = -1) keep fp32
      clipped: tensor<fp32, [1, S, 3]> = clip(x = softmax, alpha = 0.1, beta = Infinity)
    } -> (clipped)
    "
  `);
  verify(program, ops);
  expect(print(program), "the same after verification").toBe(text);
});

test("blocks, what they are given and what they give", () => {
  const g = new Graph();
  const n = g.input("n", int32([1]));
  const [count] = g.emit(
    "while_loop",
    { loop_vars: [n] },
    {
      name: "loop",
      blocks: [
        g.block(([i]) => [g.op("squeeze", { x: g.op("less", { x: i, y: 10 }) })], [{ name: "i", type: n.type }]),
        g.block(([i]) => [g.op("add", { x: i, y: 1 })], [{ name: "i", type: n.type }]),
      ],
    },
  );
  const program = programOf(g.end({ count: count as NonNullable<typeof count> }));
  verify(program, ops);
  expect(print(program)).toMatchInlineSnapshot(`
    "func main<iOS16>(n: tensor<int32, [1]>) {
      count: tensor<int32, [1]> = while_loop(loop_vars = (n))
      (i: tensor<int32, [1]>) {
        less: tensor<bool, [1]> = less(x = i, y = 10)
        squeeze: bool = squeeze(x = less)
      } -> (squeeze)
      (i_0: tensor<int32, [1]>) {
        add: tensor<int32, [1]> = add(x = i_0, y = 1)
      } -> (add)
    } -> (count)
    "
  `);
});

test("strings, flags, tuples and several results", () => {
  const g = new Graph();
  const x = g.input("x", float32([2, 6]));
  const [first, second] = g.emit("split", { x, num_splits: 2, axis: 1 }, { name: "halves" });
  const joined = g.op("concat", { values: [second as typeof x, first as typeof x], axis: 0, interleave: true });
  const half = g.op("cast", { x: joined, dtype: "fp16" });
  expect(print(programOf(g.end({ half })))).toMatchInlineSnapshot(`
    "func main<iOS16>(x: tensor<fp32, [2, 6]>) {
      halves_0: tensor<fp32, [2, 3]>, halves_1: tensor<fp32, [2, 3]> = split(x = x, num_splits = 2, axis = 1)
      concat: tensor<fp32, [4, 3]> = concat(values = (halves_1, halves_0), axis = 0, interleave = true)
      half: tensor<fp16, [4, 3]> = cast(x = concat, dtype = "fp16")
    } -> (half)
    "
  `);
});

test("numbers are as short as fp32 allows", () => {
  const g = new Graph();
  const x = g.input("x", float32([1]));
  const values = [0.1, 1e-12, 1 / 3, 2 ** -24, -0.5, 3, 65504, 3.4028234663852886e38, Number.NEGATIVE_INFINITY];
  const shown = values
    .map((y) => g.op("add", { x, y }))
    .map((_, i) => {
      const line = print(programOf(g.end({})))
        .split("\n")
        .filter((l) => l.includes("= add("))[i] as string;
      return /y = ([^)]+)\)/.exec(line)?.[1];
    });
  expect(shown).toEqual([
    "0.1",
    "1e-12",
    "0.33333334",
    "5.9604645e-8",
    "-0.5",
    "3",
    "65504",
    "3.4028235e+38",
    "-Infinity",
  ]);
});
