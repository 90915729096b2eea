import { describe, expect, test } from "vitest";
import { float32, int32 } from "../../src/mil/builder.ts";
import { numbersOf } from "../../src/mil/constants.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Target } from "../../src/mil/opset.ts";
import { print } from "../../src/mil/print.ts";
import { allNodes, type Func, type Node, type Value } from "../../src/mil/program.ts";
import { typeText } from "../../src/mil/types.ts";
import { verify } from "../../src/mil/verify.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import type { CastStatistics } from "../../src/tensor/cast-statistics.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import { Graph, programOf } from "../mil/graph.ts";

/** The function in half precision, verified. */
function halved(func: Func, onCast?: (name: string, s: CastStatistics) => void): Func {
  verify(programOf(func), ops);
  const half = halfPrecision(func, ops, onCast);
  verify(programOf(half), ops);
  expect(half.inputs.map((v) => [v.name, typeText(v.type)])).toEqual(
    func.inputs.map((v) => [v.name, typeText(v.type)]),
  );
  expect(half.body.outputs.map((v) => [v.name, typeText(v.type)])).toEqual(
    func.body.outputs.map((v) => [v.name, typeText(v.type)]),
  );
  return half;
}
const nodesOf = (func: Func, op: string): readonly Node[] => [...allNodes(func.body)].filter((n) => n.op === op);
const dtypeOf = (v: Value | undefined): string => (v?.type.kind === "tensor" ? v.type.dtype : "none");
const resultOf = (func: Func, op: string): string => dtypeOf(nodesOf(func, op)[0]?.outputs[0]);
const argument = (func: Func, op: string, name: string): Value => nodesOf(func, op)[0]?.inputs.get(name) as Value;
const casts = (func: Func): readonly string[] =>
  nodesOf(func, "cast").map((n) => `${(n.inputs.get("x") as Value).name} -> ${dtypeOf(n.outputs[0])}`);

describe("casts", () => {
  test("stand at the top and at the bottom, once for each value", () => {
    const g = new Graph();
    const x = g.input("x", float32([2, 4]));
    const [a, b] = [g.op("relu", { x }, "a"), g.op("tanh", { x }, "b")];
    const sum = g.op("add", { x: a, y: b }, "sum");
    const half = halved(g.end({ y: g.op("mul", { x: sum, y: x }), sum }));
    expect(casts(half)).toHaveLength(3);
    expect(casts(half)[0]).toBe("x -> fp16");
    expect(
      casts(half)
        .slice(1)
        .every((c) => c.endsWith("-> fp32")),
    ).toBe(true);
    for (const op of ["relu", "tanh", "add", "mul"]) expect(resultOf(half, op), op).toBe("fp16");
  });

  test("as text", () => {
    const g = new Graph();
    const x = g.input("x", float32([2, 4]));
    const weight = tensorOf("fp32", [3, 4], Array(12).fill(0.1), "dense.weight");
    const logits = g.op("linear", { x, weight });
    const half = halved(g.end({ probabilities: g.op("softmax", { x: logits }) }));
    expect(print(programOf(half))).toMatchInlineSnapshot(`
      "func main<iOS16>(x: tensor<fp32, [2, 4]>) {
        x_to_fp16: tensor<fp16, [2, 4]> = cast(x = x, dtype = "fp16")
        dense_weight: tensor<fp16, [3, 4]> = const(dense.weight|fp16)
        linear: tensor<fp16, [2, 3]> = linear(x = x_to_fp16, weight = dense_weight, bias = [0, 0, 0])
        softmax: tensor<fp16, [2, 3]> = softmax(x = linear, axis = -1)
        probabilities: tensor<fp32, [2, 3]> = cast(x = softmax, dtype = "fp32")
      } -> (probabilities)
      "
    `);
  });

  test("an output that is an input, or listed twice, keeps its name and type", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const y = g.op("relu", { x });
    halved(g.end({ y, same: x, again: y }));
  });

  test("past keys and values are cast like every input", () => {
    const g = new Graph();
    const [past, key] = [g.input("past", float32([1, 2, 3, 4])), g.input("key", float32([1, 2, 1, 4]))];
    const half = halved(g.end({ present: g.op("concat", { values: [past, key], axis: 2 }) }));
    expect(resultOf(half, "concat")).toBe("fp16");
    expect(casts(half).slice(0, 2).sort()).toEqual(["key -> fp16", "past -> fp16"]);
  });

  test("integers and flags are left alone", () => {
    const g = new Graph();
    const [ids, x] = [g.input("ids", int32([1, 4])), g.input("x", float32([1, 4]))];
    const table = tensorOf("fp32", [9, 4], Array(36).fill(0.5), "table");
    const shifted = g.op("add", { x: ids, y: 1 });
    const found = g.op("gather", { x: table, indices: shifted, axis: 0 });
    const isLarge = g.op("greater", { x, y: 0 });
    const chosen = g.op("select", { cond: isLarge, a: x, b: g.op("mul", { x, y: -1 }) });
    const half = halved(
      g.end({
        found,
        chosen,
        shifted: g.op("mul", { x: shifted, y: 2 }),
        where: g.op("cast", { x: isLarge, dtype: "int32" }),
      }),
    );
    expect(resultOf(half, "add")).toBe("int32");
    expect([resultOf(half, "gather"), resultOf(half, "select")]).toEqual(["fp16", "fp16"]);
    expect(dtypeOf(argument(half, "select", "cond"))).toBe("bool");
    expect(dtypeOf(argument(half, "gather", "indices"))).toBe("int32");
  });
});

describe("epsilon", () => {
  const rsqrt = (target: Target, epsilon: number): Value => {
    const g = new Graph(target);
    const half = halved(g.end({ y: g.op("rsqrt", { x: g.input("x", float32([2])), epsilon }) }));
    expect(resultOf(half, "rsqrt")).toBe("fp16");
    return argument(half, "rsqrt", "epsilon");
  };
  test("below iOS17 has the type of x, and never becomes 0", () => {
    for (const target of ["iOS15", "iOS16"] as const) {
      expect([dtypeOf(rsqrt(target, 1e-12)), numbersOf(rsqrt(target, 1e-12))]).toEqual(["fp16", [2 ** -24]]);
      expect(numbersOf(rsqrt(target, 2 ** -20))).toEqual([2 ** -20]);
      expect(numbersOf(rsqrt(target, 0))).toEqual([0]);
    }
  });
  test("from iOS17 keeps all its digits", () => {
    const epsilon = rsqrt("iOS17", 1e-12);
    expect([dtypeOf(epsilon), numbersOf(epsilon)]).toEqual(["fp32", [Math.fround(1e-12)]]);
  });
  test("of a layer norm follows its gamma, which is cast with it", () => {
    const g = new Graph("iOS16");
    const gamma = tensorOf("fp32", [4], [1, 1, 1, 1], "gamma");
    const x = g.input("x", float32([2, 4]));
    const half = halved(g.end({ y: g.op("layer_norm", { x, axes: [1], gamma, epsilon: 1e-12 }) }));
    const epsilon = argument(half, "layer_norm", "epsilon");
    expect([dtypeOf(epsilon), numbersOf(epsilon)]).toEqual(["fp16", [2 ** -24]]);
    expect(dtypeOf(argument(half, "layer_norm", "gamma"))).toBe("fp16");
  });
});

describe("what stays in fp32", () => {
  test("nodes that say so", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const scaled = g.inFloat32(() => g.op("mul", { x, y: 1 / 255 }));
    const half = halved(g.end({ y: g.op("relu", { x: scaled }) }));
    expect(resultOf(half, "mul")).toBe("fp32");
    expect(nodesOf(half, "mul")[0]?.keep).toBe("fp32");
    expect(numbersOf(argument(half, "mul", "y"))).toEqual([Math.fround(1 / 255)]);
    expect(resultOf(half, "relu")).toBe("fp16");
    // The input itself is never cast, only what the kept node makes of it.
    expect(casts(half)).toHaveLength(2);
  });
  test.each([70000, -1e9, 65505, -3.4e38])("operations with the constant %d", (constant) => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const half = halved(g.end({ y: g.op("relu", { x: g.op("add", { x, y: constant }) }) }));
    expect(resultOf(half, "add")).toBe("fp32");
    expect(numbersOf(argument(half, "add", "y"))).toEqual([Math.fround(constant)]);
    expect(resultOf(half, "relu")).toBe("fp16");
  });
  test("a constant of one element and any rank counts", () => {
    const g = new Graph();
    const x = g.input("x", float32([1, 2]));
    const half = halved(g.end({ y: g.op("add", { x, y: tensorOf("fp32", [1, 1], [1e6], "large") }) }));
    expect(resultOf(half, "add")).toBe("fp32");
  });
  test.each([65504, -65504, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("not those with %d", (constant) => {
    const g = new Graph();
    const half = halved(g.end({ y: g.op("maximum", { x: g.input("x", float32([2])), y: constant }) }));
    expect(resultOf(half, "maximum")).toBe("fp16");
    expect(numbersOf(argument(half, "maximum", "y"))).toEqual([constant]);
  });
});

describe("weights", () => {
  const [large, tiny] = [70000, 1e-9];
  const data = (): ReturnType<typeof tensorOf> =>
    tensorOf("fp32", [4, 4], [1, large, tiny, 2 ** -20, ...Array(12).fill(0.5)], "tied");
  test("that are tied are cast once and stay tied", () => {
    const g = new Graph();
    const x = g.input("x", float32([1, 4]));
    const y = g.op("linear", { x: g.op("linear", { x, weight: data() }), weight: data() });
    const half = halved(g.end({ y }));
    const [first, second] = nodesOf(half, "linear").map((n) => n.inputs.get("weight") as Value);
    expect(second).toBe(first);
    expect(dtypeOf(first)).toBe("fp16");
  });
  test("are cast when they are read, and what was lost is told", () => {
    const told = new Map<string, CastStatistics>();
    const g = new Graph();
    const y = g.op("linear", { x: g.input("x", float32([1, 4])), weight: data() });
    const half = halved(g.end({ y }), (name, s) => told.set(name, { ...s }));
    expect(told.get("tied"), "before it is read").toBeUndefined();
    const weight = argument(half, "linear", "weight");
    if (weight.constant?.kind !== "tensor") throw new Error("no tensor");
    expect(Array.from(valuesOf(weight.constant.data)).slice(0, 4)).toEqual([1, Infinity, 0, 2 ** -20]);
    expect(told.get("tied")).toEqual({ elements: 16, overflowed: 1, flushed: 1, subnormal: 1, nan: 0, infinite: 0 });
  });
});

describe("blocks", () => {
  const branching = (build: (g: Graph, x: Value) => readonly [Value, Value], after = false): Func => {
    const g = new Graph();
    const x = g.input("x", float32([1, 4]));
    const pred = g.op("greater", { x: g.op("reduce_max", { x, axes: [0, 1] }), y: 0 });
    const branch = (i: 0 | 1) => g.block(() => [build(g, x)[i]]);
    const [chosen] = g.emit("cond", { pred }, { blocks: [branch(0), branch(1)] });
    const y = g.op("tanh", { x: chosen as Value });
    return g.end(after ? { y, z: g.op("relu", { x }) } : { y });
  };
  test("compute in half precision inside and give fp32", () => {
    const half = halved(branching((g, x) => [g.op("exp", { x }), g.op("sin", { x })]));
    expect([resultOf(half, "exp"), resultOf(half, "sin"), resultOf(half, "tanh")]).toEqual(["fp16", "fp16", "fp16"]);
    expect(resultOf(half, "cond")).toBe("fp32");
  });
  test("what one casts is not used by another, nor after them", () => {
    // `sqrt` of the input is computed in fp32 and first cast inside the branches.
    const g = new Graph();
    const x = g.input("x", float32([1, 4]));
    const kept = g.inFloat32(() => g.op("sqrt", { x }));
    const pred = g.inFloat32(() => g.op("greater", { x: g.op("reduce_max", { x: kept, axes: [0, 1] }), y: 0 }));
    const weight = tensorOf("fp32", [4, 4], Array(16).fill(0.5), "w");
    const branch = () => g.block(() => [g.op("linear", { x: kept, weight })]);
    const [chosen] = g.emit("cond", { pred }, { blocks: [branch(), branch()] });
    const after = g.op("linear", { x: kept, weight });
    const half = halved(g.end({ y: chosen as Value, after }));
    expect(nodesOf(half, "linear").map((n) => dtypeOf(n.outputs[0]))).toEqual(["fp16", "fp16", "fp16"]);
  });
  test("an input first used in a branch can be used after it", () => {
    halved(branching((g, x) => [g.op("exp", { x }), g.op("sin", { x })], true));
  });
  test("a loop keeps the types of its values", () => {
    const g = new Graph();
    const [x, n] = [g.input("x", float32([1, 4])), g.input("n", int32([1]))];
    const inputs = [
      { name: "i", type: n.type },
      { name: "v", type: x.type },
    ];
    const [, y] = g.emit(
      "while_loop",
      { loop_vars: [n, x] },
      {
        blocks: [
          g.block(([i]) => [g.op("squeeze", { x: g.op("less", { x: i, y: 3 }) })], inputs),
          g.block(([i, v]) => [g.op("add", { x: i, y: 1 }), g.op("exp", { x: v })], inputs),
        ],
      },
    );
    const half = halved(g.end({ y: g.op("relu", { x: y as Value }) }));
    expect([resultOf(half, "exp"), resultOf(half, "relu")]).toEqual(["fp16", "fp16"]);
    expect(nodesOf(half, "while_loop")[0]?.blocks[1]?.inputs.map(dtypeOf)).toEqual(["int32", "fp32"]);
  });
});
