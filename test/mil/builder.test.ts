import { describe, expect, test } from "vitest";
import { float32, int32 } from "../../src/mil/builder.ts";
import { addDims, dimsText, floorDivDims, length, mulDims } from "../../src/mil/dim.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { allNodes, type Func, type Value } from "../../src/mil/program.ts";
import { Graph as FluentGraph } from "../../src/mil/tensor.ts";
import { typeText } from "../../src/mil/types.ts";
import { verify } from "../../src/mil/verify.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { Graph, programOf, refusal } from "./graph.ts";

const [S, P] = [length("S", 1, 8), length("P", 1, 8)];
const weight = (key: string, shape: readonly number[] = [4, 4]): ReturnType<typeof tensorOf> =>
  tensorOf("fp32", shape, Array(shape.reduce((a, b) => a * b, 1)).fill(1), key);
const opsOf = (func: Func): readonly string[] =>
  [...allNodes(func.body)].map((n) => n.op).filter((op) => op !== "const");
const outputNames = (func: Func): readonly string[] => func.body.outputs.map((v) => v.name);
const allNames = (func: Func): readonly string[] => [
  ...func.inputs.map((v) => v.name),
  ...[...allNodes(func.body)].flatMap((n) => n.outputs.map((v) => v.name)),
];

/** What was built is a program that the verifier accepts. */
function checked(func: Func): Func {
  expect(new Set(allNames(func)).size, "names are unique").toBe(allNames(func).length);
  verify(programOf(func), ops);
  return func;
}

describe("names", () => {
  test("are legal identifiers, unique after that", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const hints = ["a.b", "a_b", "a/b", "1st", "tensor", "", "é", "x"];
    const made = hints.map((hint) => g.op("relu", { x }, hint).name);
    expect(made).toEqual(["a_b", "a_b_0", "a_b_1", "var_1st", "tensor_workaround", "var_", "_", "x_0"]);
    const again = g.op("relu", { x }, "a.b_0");
    expect(made).not.toContain(again.name);
  });

  test("follow the scope they are made in", () => {
    const g = new Graph();
    const x = g.input("x", float32([2, 4]));
    const y = g.scoped("encoder.layer.0", () => g.op("relu", { x }));
    const z = g.op("relu", { x: y });
    expect([y.name, z.name]).toEqual(["encoder_layer_0_relu", "relu"]);
    expect(g.weight(weight("encoder.layer.0.weight")).name).toBe("encoder_layer_0_weight");
  });

  test("of inputs and outputs are kept, whatever stands in their way", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const taken = g.op("relu", { x }, "logits");
    const func = checked(g.end({ logits: g.op("tanh", { x: taken }) }));
    expect(outputNames(func)).toEqual(["logits"]);
    expect(taken.name).toBe("logits_0");
  });

  test("of outputs may be swapped", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const [a, b] = [g.op("relu", { x }, "a"), g.op("tanh", { x }, "b")];
    const func = checked(g.end({ b: a, a: b }));
    expect(outputNames(func)).toEqual(["b", "a"]);
    expect(func.body.outputs).toEqual([a, b]);
  });

  test.each(["a b", "a.b", "1", "", "tensor", "é"])("'%s' at the boundary is refused", (name) => {
    expect(refusal(() => new Graph().input(name, float32([1]))).codes).toEqual(["name.illegal"]);
    const g = new Graph();
    const y = g.op("relu", { x: g.input("x", float32([1])) });
    expect(refusal(() => g.end({ [name]: y })).codes).toEqual(["name.illegal"]);
  });

  test("that two features share are refused", () => {
    const g = new Graph();
    const x = g.input("x", float32([1]));
    expect(refusal(() => g.input("x", float32([1]))).codes).toEqual(["name.taken"]);
    expect(refusal(() => g.end({ x: g.op("relu", { x }) })).codes).toEqual(["name.taken"]);
  });
});

describe("weights", () => {
  test("asked for twice are one constant", () => {
    const g = new Graph();
    const x = g.input("x", float32([2, 4]));
    const tied = g.weight(weight("wte"));
    expect(g.weight(weight("wte"))).toBe(tied);
    const y = g.op("linear", { x: g.op("linear", { x, weight: weight("wte") }), weight: weight("wte") });
    const func = checked(g.end({ y }));
    expect([...allNodes(func.body)].filter((n) => n.op === "const" && n.name.startsWith("wte"))).toHaveLength(1);
  });

  test("first asked for in a block are not seen outside of it", () => {
    const g = new Graph();
    const x = g.input("x", float32([2, 4]));
    const pred = g.op("greater", { x: g.op("reduce_max", { x, axes: [0, 1] }), y: 0 });
    const branch = (): readonly Value[] => [g.op("linear", { x, weight: weight("wte") })];
    const [y] = g.emit("cond", { pred }, { blocks: [g.block(branch), g.block(branch)] });
    checked(g.end({ z: g.op("linear", { x: y as Value, weight: weight("wte") }) }));
  });
});

describe("lengths", () => {
  test("computed while the model runs are the lengths they were computed from", () => {
    const g = new Graph();
    const x = g.input("x", float32([1, S, 4]));
    const size = g.op("gather", { x: g.op("shape", { x }), indices: 1, axis: 0 });
    const range = g.op("range_1d", { start: 0, end: size, step: 1 });
    expect(typeText(range.type)).toBe("tensor<int32, [S]>");
    const later = g.op("add", { x: g.op("add", { x: size, y: 3 }), y: -3 });
    expect(typeText(g.op("range_1d", { start: 0, end: later, step: 1 }).type)).toBe("tensor<int32, [S]>");
    const shifted = g.op("range_1d", { start: 2, end: g.op("add", { x: size, y: 2 }), step: 1 });
    expect(typeText(shifted.type)).toBe("tensor<int32, [S]>");
    checked(g.end({ range, shifted }));
  });

  test("given as numbers to a size parameter are computed from the inputs", () => {
    const g = new Graph();
    const [x, past] = [g.input("x", float32([1, S, 4])), g.input("past", float32([1, P, 4]))];
    const total = addDims(P, S);
    const range = g.op("range_1d", { start: P, end: total, step: 1 });
    expect(typeText(range.type)).toBe("tensor<int32, [S]>");
    const filled = g.op("fill", { shape: [total, mulDims(2, S), 3], value: 0 });
    expect(typeText(filled.type)).toBe("tensor<fp32, [P + S, 2*S, 3]>");
    const product = g.op("fill", { shape: [mulDims(P, S)], value: 0 });
    const joined = g.op("concat", { values: [past, x], axis: 1 });
    const func = checked(g.end({ range, filled, product, joined }));
    // Each length is read from the shape once.
    expect(opsOf(func).filter((op) => op === "shape")).toHaveLength(2);
  });

  test("a length of an input as it stands is read, not added up", () => {
    const g = new Graph();
    const mask = g.input("mask", int32([1, addDims(P, S)]));
    const x = g.input("x", float32([1, S]));
    g.dim(addDims(P, S));
    expect(opsOf(g.end({ y: g.op("relu", { x }), m: g.op("identity", { x: mask }) }))).not.toContain("add");
  });

  test("one open size of a reshape is -1, two are computed", () => {
    const g = new Graph();
    const x = g.input("x", float32([1, S, P, 4]));
    const one = g.op("reshape", { x, shape: [mulDims(S, P), 4] });
    const two = g.op("reshape", { x, shape: [S, mulDims(4, P)] });
    expect([one, two].map((v) => typeText(v.type))).toEqual(["tensor<fp32, [P*S, 4]>", "tensor<fp32, [S, 4*P]>"]);
    const func = checked(g.end({ one, two }));
    const shapes = func.body.nodes.filter((n) => n.op === "reshape").map((n) => n.inputs.get("shape") as Value);
    expect(shapes.map((v) => v.content && dimsText(v.content))).toEqual(["[-1, 4]", "[S, 4*P]"]);
    expect(shapes.map((v) => v.constant !== undefined)).toEqual([true, false]);
  });

  test("no input gives are an error", () => {
    const g = new Graph();
    g.input("x", float32([S]));
    expect(() => g.dim(P)).toThrow(/P/);
    expect(() => g.dim(floorDivDims(S, 2))).toThrow(/floor/);
  });

  test("computed in a block are not seen outside of it", () => {
    const g = new Graph();
    const x = g.input("x", float32([S]));
    const pred = g.op("greater", { x: g.op("reduce_max", { x, axes: [0] }), y: 0 });
    const branch = (): readonly Value[] => [g.op("fill", { shape: [S], value: 1 })];
    const [y] = g.emit("cond", { pred }, { blocks: [g.block(branch), g.block(branch)] });
    checked(g.end({ y: y as Value, z: g.op("fill", { shape: [S], value: 2 }) }));
  });
});

describe("what Core ML wants of a function", () => {
  test("an output that is an input, a constant or listed twice gets an identity", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    const y = g.op("relu", { x });
    const func = checked(g.end({ same: x, y, again: y, one: g.scalar("fp32", 1) }));
    expect(outputNames(func)).toEqual(["same", "y", "again", "one"]);
    expect(opsOf(func)).toEqual(["relu", "identity", "identity", "identity"]);
    expect(new Set(func.body.outputs).size).toBe(4);
  });

  test("an input that nothing reads gets a dead identity", () => {
    const g = new Graph();
    const x = g.input("x", float32([2]));
    g.input("unused", int32([1]));
    const func = checked(g.end({ y: g.op("relu", { x }) }));
    expect(func.body.nodes.at(-1)).toMatchObject({ op: "identity", name: "unused_tmp" });
    expect(func.body.outputs.map((v) => v.name)).toEqual(["y"]);
  });

  test("an input that only a block reads gets none", () => {
    const g = new Graph();
    const [x, pred] = [g.input("x", float32([2])), g.input("pred", { kind: "tensor", dtype: "bool", shape: [] })];
    const [y] = g.emit(
      "cond",
      { pred },
      { blocks: [g.block(() => [g.op("relu", { x })]), g.block(() => [g.op("tanh", { x })])] },
    );
    expect(opsOf(checked(g.end({ y: y as Value })))).toEqual(["cond", "relu", "tanh"]);
  });

  test("every parameter with a default is written", () => {
    const g = new Graph();
    const func = g.end({ y: g.op("softmax", { x: g.input("x", float32([2, 3])) }) });
    expect([...(func.body.nodes.find((n) => n.op === "softmax")?.inputs.keys() ?? [])]).toEqual(["x", "axis"]);
  });
});

test("a parameter the row does not have is refused by name", () => {
  const g = new Graph();
  const x = g.input("x", float32([2]));
  expect(refusal(() => g.op("relu", { x, alpha: 1 })).message).toContain("no parameter 'alpha'");
  expect(refusal(() => g.op("softmax", {})).message).toContain("'x' is missing");
});

test("methods on values do what the table says, several results come as an array", () => {
  const g = new FluentGraph("iOS16");
  const x = g.input("x", float32([S, 6]));
  const parts = x.split({ num_splits: 3, axis: 1 });
  expect(parts.map((p) => typeText(p.type))).toEqual(Array(3).fill("tensor<fp32, [S, 2]>"));
  expect(typeText((parts[0] as typeof x).matmul(x, { transpose_x: true }).type)).toBe("tensor<fp32, [2, 6]>");
  expect(x.fixed(-1)).toBe(6);
  expect(() => x.fixed(0)).toThrow(/S/);
  expect(() => x.dim(2)).toThrow(RangeError);
});
