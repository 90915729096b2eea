import { describe, expect, test } from "vitest";
import { ops } from "../../src/mil/ops/index.ts";
import { type Block, type Func, type Node, Value } from "../../src/mil/program.ts";
import { tensorType, typeText } from "../../src/mil/types.ts";
import { unification } from "../../src/mil/unify.ts";
import { verify } from "../../src/mil/verify.ts";
import { programOf, refusal } from "./graph.ts";

const x = new Value("x", tensorType("fp32", [2, 3]));
const value = (name: string, shape: readonly number[] = [2, 3]): Value => new Value(name, tensorType("fp32", shape));
const node = (
  op: string,
  inputs: Record<string, Value>,
  outputs: readonly Value[],
  blocks: readonly Block[] = [],
): Node => ({
  op,
  name: outputs[0]?.name ?? op,
  inputs: new Map(Object.entries(inputs)),
  outputs,
  blocks,
});
const func = (nodes: readonly Node[], outputs: readonly Value[], inputs: readonly Value[] = [x]): Func => ({
  name: "main",
  target: "iOS16",
  inputs,
  body: { inputs: [], nodes, outputs },
});
const problemsOf = (f: Func): ReturnType<typeof refusal> => refusal(() => verify(programOf(f), ops));

test("a sound function passes", () => {
  const [a, b] = [value("a"), value("b")];
  expect(problemsOf(func([node("relu", { x }, [a]), node("tanh", { x: a }, [b])], [b])).codes).toEqual([]);
});

describe("refuses", () => {
  const [a, b] = [value("a"), value("b")];
  test("a value used before it is defined", () => {
    const f = func([node("tanh", { x: a }, [b]), node("relu", { x }, [a])], [b]);
    expect(problemsOf(f)).toMatchObject({ codes: ["program.undefined"], message: expect.stringContaining("'a'") });
  });
  test("a value of another function", () => {
    expect(problemsOf(func([node("relu", { x: value("x") }, [a])], [a])).codes).toEqual(["program.undefined"]);
  });
  test("an output nobody defines", () => {
    expect(problemsOf(func([], [b])).codes).toEqual(["program.undefined"]);
  });
  test("a name defined twice", () => {
    const f = func([node("relu", { x }, [a]), node("tanh", { x }, [value("a")])], [a]);
    expect(problemsOf(f).codes).toContain("program.name");
    expect(problemsOf(func([node("relu", { x }, [value("x")])], [])).codes).toEqual(["program.name"]);
    expect(problemsOf(func([], [], [x, value("x")])).codes).toEqual(["program.name"]);
  });
  test("a declared shape that is not the inferred one", () => {
    const wrong = value("wrong", [3, 2]);
    expect(problemsOf(func([node("relu", { x }, [wrong])], [wrong]))).toMatchObject({
      codes: ["op.type"],
      message: "wrong: relu: 'wrong' is declared tensor<fp32, [3, 2]>, inferred tensor<fp32, [2, 3]>",
    });
  });
  test("a declared dtype or rank that is not the inferred one", () => {
    const half = new Value("half", tensorType("fp16", [2, 3]));
    expect(problemsOf(func([node("relu", { x }, [half])], [half])).codes).toEqual(["op.type"]);
    const flat = value("flat", [6]);
    expect(problemsOf(func([node("relu", { x }, [flat])], [flat])).codes).toEqual(["op.type"]);
  });
  test("more results than the row gives", () => {
    expect(problemsOf(func([node("relu", { x }, [a, b])], [a])).message).toContain("declares 2 results, has 1");
  });
  test("an operation without a row, a parameter without a place, a target too low", () => {
    expect(problemsOf(func([node("warp", { x }, [a])], [a])).codes).toEqual(["op.unknown"]);
    expect(problemsOf(func([node("toString", { x }, [a])], [a])).codes).toEqual(["op.unknown"]);
    expect(problemsOf(func([node("relu", { x, y: x }, [a])], [a])).codes).toEqual(["op.invalid"]);
    const sdpa = node("scaled_dot_product_attention", { query: x, key: x, value: x }, [a]);
    expect(problemsOf(func([sdpa], [a])).message).toContain("needs iOS18");
  });
  test("many problems at once, the first twenty by name", () => {
    const nodes = Array.from({ length: 50 }, (_, i) => node("warp", { x }, [value(`v${i}`)]));
    const { codes, message } = problemsOf(func(nodes, []));
    expect(codes).toHaveLength(21);
    expect(codes.at(-1)).toBe("op.more");
    expect(message).toContain("and 30 more");
  });
});

describe("blocks", () => {
  const pred = new Value("pred", tensorType("bool", []));
  const block = (nodes: readonly Node[], outputs: readonly Value[]): Block => ({ inputs: [], nodes, outputs });
  test("see what stands around them", () => {
    const [a, b, c] = [value("a"), value("b"), value("c")];
    const f = func(
      [node("cond", { pred }, [c], [block([node("relu", { x }, [a])], [a]), block([node("tanh", { x }, [b])], [b])])],
      [c],
      [x, pred],
    );
    expect(problemsOf(f).codes).toEqual([]);
  });
  test("are not seen from outside, nor from each other", () => {
    const [a, b, c] = [value("a"), value("b"), value("c")];
    const yes = block([node("relu", { x }, [a])], [a]);
    const outside = func([node("cond", { pred }, [c], [yes, block([node("tanh", { x }, [b])], [b])])], [a], [x, pred]);
    expect(problemsOf(outside).codes).toEqual(["program.undefined"]);
    const beside = func(
      [node("cond", { pred }, [c], [yes, block([node("tanh", { x: a }, [b])], [b])])],
      [c],
      [x, pred],
    );
    expect(problemsOf(beside).codes).toEqual(["program.undefined"]);
  });
  test("beside each other may use the same names, those around them not", () => {
    const c = value("c");
    const branch = (name: string): Block => {
      const v = value(name);
      return block([node("relu", { x }, [v])], [v]);
    };
    expect(problemsOf(func([node("cond", { pred }, [c], [branch("v"), branch("v")])], [c], [x, pred])).codes).toEqual(
      [],
    );
    expect(problemsOf(func([node("cond", { pred }, [c], [branch("x"), branch("v")])], [c], [x, pred])).codes).toEqual([
      "program.name",
    ]);
  });
});

test("free lengths are unified, those of a loop's values too, and types become what was inferred", () => {
  const unifier = unification();
  const free = (name: string): Value =>
    new Value(name, tensorType("fp32", [unifier.fresh(name, 1, Number.POSITIVE_INFINITY)]));
  const [start, out, tested, passed, inner, next] = ["start", "out", "tested", "passed", "inner", "next"].map(free) as [
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  const goesOn = new Value("goes_on", tensorType("bool", []));
  const [flag, inside] = [goesOn, new Value("inside", tensorType("bool", []))];
  const loop: Node = {
    op: "while_loop",
    name: "loop",
    inputs: new Map([["loop_vars", [start, flag]]]),
    outputs: [out, new Value("done", tensorType("bool", []))],
    blocks: [
      { inputs: [tested, inside], nodes: [], outputs: [inside] },
      {
        inputs: [inner, new Value("passed_flag", tensorType("bool", []))],
        nodes: [node("relu", { x: inner }, [passed]), node("tanh", { x: passed }, [next])],
        outputs: [next, goesOn],
      },
    ],
  };
  verify(programOf(func([loop], [out], [start, goesOn])), ops, unifier);
  for (const v of [out, tested, inner, passed, next]) expect(typeText(v.type), v.name).toBe("tensor<fp32, [start]>");
});
