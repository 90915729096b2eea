import { describe, expect, test } from "vitest";
import type { FeatureDifference, PackageDifference } from "../../src/diff/difference.ts";
import { diff } from "../../src/diff.ts";
import { float32 } from "../../src/mil/builder.ts";
import type { Interface, TensorFeature } from "../../src/mil/interface.ts";
import { Value } from "../../src/mil/program.ts";
import { tensorType } from "../../src/mil/types.ts";
import { Graph } from "../mil/graph.ts";
import { packageOf, stack } from "./packages.ts";

const sum = () => {
  const g = new Graph("iOS16");
  const [p, q] = [g.input("p", float32([1, 4])), g.input("q", float32([1, 4]))];
  return g.end({ y: g.op("add", { x: p, y: q }) });
};
const tensor = (name: string, more: Partial<TensorFeature> = {}): TensorFeature => ({
  name,
  kind: "tensor",
  dtype: "fp32",
  shape: [1, 4],
  flexibility: { kind: "fixed" },
  ...more,
});
const described = (p: TensorFeature, q = tensor("q"), y = tensor("y")): Interface => ({
  inputs: [p, q],
  outputs: [y],
  states: [],
});

async function features(a: Interface, b: Interface): Promise<readonly FeatureDifference[]> {
  const [before, after] = [
    await packageOf({ main: sum() }, { interfaces: { main: a } }),
    await packageOf({ main: sum() }, { interfaces: { main: b } }),
  ];
  const found = await diff(before, after);
  expect(found.verdict.status).toBe("different");
  return (found.functions[0] as PackageDifference["functions"][0]).features;
}

describe("features", () => {
  test.each<[string, Partial<TensorFeature>, Partial<TensorFeature>, [string, string | null, string | null][]]>([
    ["dtype", {}, { dtype: "fp16" }, [["dtype", "fp32", "fp16"]]],
    ["no shape", {}, { shape: undefined }, [["shape", "[1, 4]", "known when it runs"]]],
    ["description", {}, { description: "tokens" }, [["description", null, "tokens"]]],
    ["optional", {}, { optional: { value: undefined } }, [["optional", "no", "yes"]]],
    ["default", { optional: { value: 1 } }, { optional: { value: 2 } }, [["default", "1", "2"]]],
    [
      "range",
      {
        flexibility: {
          kind: "range",
          ranges: [
            [1, 1],
            [1, 4],
          ],
        },
      },
      {
        flexibility: {
          kind: "range",
          ranges: [
            [1, 1],
            [2, Number.POSITIVE_INFINITY],
          ],
        },
      },
      [["flexibility", "[1, 1..4]", "[1, 2..]"]],
    ],
    [
      "enumeration",
      {},
      {
        flexibility: {
          kind: "enumerated",
          shapes: [
            [1, 4],
            [1, 8],
          ],
        },
      },
      [["flexibility", "fixed", "[1, 4] or [1, 8]"]],
    ],
  ])("of another %s", async (_, a, b, fields) => {
    expect(await features(described(tensor("p", a)), described(tensor("p", b)))).toEqual([
      { role: "input", name: "p", change: "changed", fields: fields.map(([field, x, y]) => ({ field, a: x, b: y })) },
    ]);
  });

  test("of another shape", async () => {
    const after = described(tensor("p"), tensor("q"), tensor("y", { shape: [1, 3] }));
    expect(await features(described(tensor("p")), after)).toEqual([
      { role: "output", name: "y", change: "changed", fields: [{ field: "shape", a: "[1, 4]", b: "[1, 3]" }] },
    ]);
  });

  test("that are new or gone are told with what they are", async () => {
    const one = (name: string) => {
      const g = new Graph();
      return g.end({ [`${name}_out`]: g.op("relu", { x: g.input(name, float32([4])) }) });
    };
    const found = await diff(await packageOf({ main: one("p") }), await packageOf({ main: one("q") }));
    expect(found.functions[0]?.features.map((f) => [f.role, f.name, f.change])).toEqual([
      ["input", "p", "removed"],
      ["input", "q", "added"],
      ["output", "p_out", "removed"],
      ["output", "q_out", "added"],
    ]);
    expect(found.functions[0]?.features[1]?.fields).toContainEqual({ field: "shape", a: null, b: "[4]" });
    expect(found.verdict.summary).toMatch(/^interface differs \(4 differences\)/);
  });

  test("that are images of another colour space, and states of another shape", async () => {
    const image = async (colorSpace: "RGB" | "BGR", width: number): Promise<string> => {
      const g = new Graph();
      const y = g.op("relu", { x: g.input("x", float32([1, 3, 8, width])) });
      const inputs = [
        { name: "x", kind: "image", colorSpace, height: 8, width, flexibility: { kind: "fixed" } },
      ] as const;
      return packageOf(
        { main: g.end({ y }) },
        { interfaces: { main: { inputs, outputs: [tensor("y")], states: [] } } },
      );
    };
    const [feature] = (await diff(await image("RGB", 8), await image("BGR", 6))).functions[0]?.features ?? [];
    expect(feature?.fields).toEqual([
      { field: "colour space", a: "RGB", b: "BGR" },
      { field: "height x width", a: "8 x 8", b: "8 x 6" },
    ]);
    const stateful = async (length: number): Promise<string> => {
      const g = new Graph("iOS18");
      const s = g.input("s", { kind: "state", of: tensorType("fp16", [length]) });
      return packageOf({ main: g.end({ y: g.op("read_state", { input: s }) }) });
    };
    const states = (await diff(await stateful(4), await stateful(5))).functions[0]?.features;
    expect(states?.[0]).toMatchObject({ role: "state", name: "s", fields: [{ field: "shape", a: "[4]", b: "[5]" }] });
  });
});

test("labels of a classifier are added, removed and moved", async () => {
  const classifier = async (...values: string[]): Promise<string> => {
    const g = new Graph();
    const type = { kind: "list", element: tensorType("string", []), length: values.length } as const;
    const classes = new Value("classes", type, { constant: { kind: "strings", values }, literal: true });
    const [label, p] = g.emit("classify", { probabilities: g.input("x", float32([values.length])), classes });
    const outputs = [
      { name: "label", kind: "label", type: "string" },
      { name: "p", kind: "probabilities", key: "string" },
    ] as const;
    const inputs = [tensor("x", { shape: [values.length] })];
    const main = { inputs, outputs, states: [], classifier: { label: "label", probabilities: "p" } };
    return packageOf({ main: g.end({ label: label as Value, p: p as Value }) }, { interfaces: { main } });
  };
  const labels = (await diff(await classifier("cat", "dog", "eel"), await classifier("dog", "cat", "fox"))).functions[0]
    ?.labels;
  expect(labels).toEqual({ count: { a: 3, b: 3 }, added: ["fox"], removed: ["eel"], moved: 2 });
  expect((await diff(await classifier("cat", "dog"), await classifier("cat", "dog"))).functions[0]?.labels).toBeNull();
});

test("metadata is compared key by key, a plan value by value", async () => {
  const told = (author: string, precision: string, extra?: string): Promise<string> =>
    packageOf(
      { main: stack() },
      {
        metadata: {
          author,
          userDefined: new Map([
            ["plan", JSON.stringify({ precision, model: { name: "m" } })],
            ...(extra === undefined ? [] : [["extra", extra] as const]),
          ]),
        },
      },
    );
  const { properties, verdict } = await diff(await told("A", "float32"), await told("B", "float16", "x"));
  expect(properties).toEqual([
    { field: "author", a: "A", b: "B" },
    { field: "plan.precision", a: '"float32"', b: '"float16"' },
    { field: "extra", a: null, b: "x" },
  ]);
  expect(verdict).toEqual({
    status: "different",
    summary: "same interface, same operations, same weights, metadata differs",
  });
});
