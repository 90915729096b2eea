import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Model } from "../../src/coreml/package.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { float32, int32 } from "../../src/mil/builder.ts";
import { length } from "../../src/mil/dim.ts";
import type { Feature, Flexibility, Interface, TensorFeature } from "../../src/mil/interface.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Target } from "../../src/mil/opset.ts";
import { type Func, Value } from "../../src/mil/program.ts";
import { type Type, tensorType } from "../../src/mil/types.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { keepPackage } from "../keep-package.ts";
import { Graph } from "../mil/graph.ts";
import { readMessage, testFolder } from "./files.ts";

const folder = testFolder();
let count = 0;

interface Made {
  readonly target?: Target;
  readonly functions: Readonly<Record<string, { readonly func: Func; readonly described: Interface }>>;
  readonly multifunction?: boolean;
}

/** Writes a package and reads it back; `kept` when it is one Core ML takes. */
async function written({ target = "iOS16", functions, multifunction = false }: Made, kept = true): Promise<string> {
  const path = join(folder, `${count++}.mlpackage`);
  const entries = Object.entries(functions);
  const model: Model = {
    target,
    program: { functions: new Map(entries.map(([name, { func }]) => [name, func])) },
    interfaces: new Map(entries.map(([name, { described }]) => [name, described])),
    defaultFunction: entries[0]?.[0] ?? "",
    multifunction,
    metadata: { userDefined: new Map() },
  };
  await writePackage(path, model, ops);
  if (kept) keepPackage(path);
  return path;
}

const interfaceOf = (path: string, name = "main"): Interface => {
  using model = readPackage(path, ops);
  return model.interfaces.get(name) as Interface;
};

const fixed: Flexibility = { kind: "fixed" };
const tensor = (name: string, shape: readonly number[], more: Partial<TensorFeature> = {}): TensorFeature => ({
  name,
  kind: "tensor",
  dtype: "fp32",
  shape,
  flexibility: fixed,
  ...more,
});
/** A function that gives `relu` of each input. */
function relus(inputs: readonly (readonly [string, Type])[], target: Target = "iOS16"): Func {
  const g = new Graph(target);
  const outputs = inputs.map(([name, type]) => [`${name}_out`, g.op("relu", { x: g.input(name, type) })] as const);
  return g.end(Object.fromEntries(outputs));
}

describe("flexible shapes", () => {
  const S = length("S", 1, 128);
  test("ranges, bounded and open", async () => {
    const range = (max: number): Flexibility => ({
      kind: "range",
      ranges: [
        [1, 1],
        [1, max],
        [4, 4],
      ],
    });
    const described: Interface = {
      inputs: [tensor("x", [1, 128, 4], { flexibility: range(128), description: "as it comes" })],
      outputs: [tensor("x_out", [1, 128, 4], { shape: undefined })],
      states: [],
    };
    const func = relus([["x", float32([1, S, 4])]]);
    const path = await written({ functions: { main: { func, described } } });
    expect(interfaceOf(path)).toEqual(described);
    using model = readPackage(path, ops);
    const [input] = model.program.functions.get("main")?.inputs ?? [];
    expect(input?.type).toMatchObject({ shape: [1, { text: "x.1", min: 1, max: 128 }, 4] });

    const open: Interface = {
      ...described,
      inputs: [tensor("x", [1, 128, 4], { flexibility: range(Number.POSITIVE_INFINITY) })],
    };
    // ML Programs of Core ML have no unbounded ranges, but files may.
    expect(interfaceOf(await written({ functions: { main: { func, described: open } } }, false))).toEqual(open);
  });

  test("enumerated, the default first", async () => {
    const flexibility: Flexibility = {
      kind: "enumerated",
      shapes: [
        [1, 64],
        [1, 8],
        [1, 128],
      ],
    };
    const described: Interface = {
      inputs: [tensor("x", [1, 64], { flexibility })],
      outputs: [tensor("x_out", [], { shape: undefined })],
      states: [],
    };
    const path = await written({ functions: { main: { func: relus([["x", float32([1, S])]]), described } } });
    expect(interfaceOf(path)).toEqual(described);
    using model = readPackage(path, ops);
    const [input] = model.program.functions.get("main")?.inputs ?? [];
    expect(input?.type).toMatchObject({ shape: [1, { min: 8, max: 128 }] });
  });
});

test("every element type of the boundary", async () => {
  const g = new Graph("iOS26");
  const dtypes = ["fp32", "fp16", "int32", "int8"] as const;
  const features = dtypes.map((dtype) => tensor(`in_${dtype}`, [2], { dtype }));
  const outputs = dtypes.map((dtype) => {
    const x = g.input(`in_${dtype}`, tensorType(dtype, [2]));
    return [`out_${dtype}`, g.op("identity", { x })] as const;
  });
  const described: Interface = {
    inputs: features,
    outputs: dtypes.map((dtype) => tensor(`out_${dtype}`, [2], { dtype })),
    states: [],
  };
  const path = await written({
    target: "iOS26",
    functions: { main: { func: g.end(Object.fromEntries(outputs)), described } },
  });
  expect(interfaceOf(path)).toEqual(described);
});

test("optional inputs with defaults, 0 among them", async () => {
  const g = new Graph();
  const x = g.input("x", float32([1, 4]));
  const [scale, steps, zero] = [
    g.input("scale", float32([1, 4])),
    g.input("steps", int32([1, 4])),
    g.input("zero", float32([1, 4])),
  ];
  const scaled = g.op("add", { x: g.op("mul", { x, y: scale }), y: zero });
  const func = g.end({ y: g.op("add", { x: scaled, y: g.op("cast", { x: steps, dtype: "fp32" }) }) });
  const described: Interface = {
    inputs: [
      tensor("x", [1, 4]),
      tensor("scale", [1, 4], { optional: { value: 0.5 } }),
      tensor("steps", [1, 4], { dtype: "int32", optional: { value: -3 } }),
      tensor("zero", [1, 4], { optional: { value: 0 } }),
    ],
    outputs: [tensor("y", [1, 4])],
    states: [],
  };
  const path = await written({ functions: { main: { func, described } } });
  expect(interfaceOf(path)).toEqual(described);
});

test("an optional input without a default", async () => {
  const described: Interface = {
    inputs: [tensor("x", [2], { optional: { value: undefined } })],
    outputs: [tensor("x_out", [2])],
    states: [],
  };
  // Core ML then wants one; what others wrote is kept as it is.
  const path = await written({ functions: { main: { func: relus([["x", float32([2])]]), described } } }, false);
  expect(interfaceOf(path)).toEqual(described);
});

test("a default of an fp64 input keeps all its digits", async () => {
  // No ML Program of ours has one, but descriptions may.
  const described: Interface = {
    inputs: [tensor("x", [2], { dtype: "fp64", optional: { value: 0.1 } })],
    outputs: [tensor("x_out", [2])],
    states: [],
  };
  const path = await written({ functions: { main: { func: relus([["x", float32([2])]]), described } } }, false);
  expect(interfaceOf(path)).toEqual(described);
});

describe("images", () => {
  const image = (colorSpace: "RGB" | "BGR" | "GRAYSCALE" | "GRAYSCALE_FLOAT16", flexibility: Flexibility = fixed) =>
    ({ name: "image", kind: "image", colorSpace, height: 32, width: 48, flexibility }) satisfies Feature;
  const make = async (feature: ReturnType<typeof image>, target: Target = "iOS16"): Promise<string> => {
    const channels = feature.colorSpace.startsWith("GRAY") ? 1 : 3;
    const isFlexible = feature.flexibility.kind !== "fixed";
    const size = isFlexible ? [length("H", 16, 64), length("W", 16, 96)] : [32, 48];
    const dtype = feature.colorSpace === "GRAYSCALE_FLOAT16" ? "fp16" : "fp32";
    const described: Interface = {
      inputs: [feature],
      outputs: [tensor("image_out", [1, channels, 32, 48], { dtype, ...(isFlexible ? { shape: undefined } : {}) })],
      states: [],
    };
    const func = relus([["image", tensorType(dtype, [1, channels, ...size])]], target);
    const path = await written({ target, functions: { main: { func, described } } });
    expect(interfaceOf(path)).toEqual(described);
    return path;
  };
  test.each(["RGB", "BGR", "GRAYSCALE", "GRAYSCALE_FLOAT16"] as const)("%s", async (colorSpace) => {
    await make(image(colorSpace));
  });
  test("of several sizes, height before width", async () => {
    await make(
      image("RGB", {
        kind: "enumerated",
        shapes: [
          [32, 48],
          [16, 96],
        ],
      }),
    );
    const path = await make(
      image("BGR", {
        kind: "range",
        ranges: [
          [16, 64],
          [16, 96],
        ],
      }),
    );
    const { imageSizeRange } = readMessage(path).description?.input?.[0]?.type?.imageType ?? {};
    expect(imageSizeRange).toEqual({
      widthRange: { lowerBound: 16, upperBound: 96 },
      heightRange: { lowerBound: 16, upperBound: 64 },
    });
    using model = readPackage(path, ops);
    const [input] = model.program.functions.get("main")?.inputs ?? [];
    expect(input?.type).toMatchObject({ shape: [1, 3, { min: 16, max: 64 }, { min: 16, max: 96 }] });
  });
});

describe("classifiers", () => {
  test.each(["string", "int64"] as const)("labels of type %s", async (key) => {
    const g = new Graph();
    const x = g.input("x", float32([1, 3]));
    const probabilities = g.op("softmax", { x });
    const classes =
      key === "string"
        ? new Value(
            "classes",
            { kind: "list", element: tensorType("string", []), length: 3 },
            {
              constant: { kind: "strings", values: ["cat", "a, b", "日本"] },
            },
          )
        : new Value(
            "classes",
            { kind: "list", element: tensorType("int64", []), length: 3 },
            {
              constant: { kind: "tensor", data: tensorOf("int64", [3], [0n, -7n, 30000000000n], "classes") },
            },
          );
    const [label, dictionary] = g.emit("classify", { probabilities, classes });
    const func = g.end({ classLabel: label as Value, scores: dictionary as Value });
    const described: Interface = {
      inputs: [tensor("x", [1, 3])],
      outputs: [
        { name: "classLabel", kind: "label", type: key },
        { name: "scores", kind: "probabilities", key, description: "how sure" },
      ],
      states: [],
      classifier: { label: "classLabel", probabilities: "scores" },
    };
    const path = await written({ functions: { main: { func, described } } });
    expect(interfaceOf(path)).toEqual(described);
    using model = readPackage(path, ops);
    const node = model.program.functions.get("main")?.body.nodes.find((n) => n.op === "classify");
    const classesRead = node?.inputs.get("classes") as Value | undefined;
    expect(classesRead?.constant).toMatchObject(
      key === "string" ? { values: ["cat", "a, b", "日本"] } : { kind: "tensor" },
    );
  });
});

test("states", async () => {
  const g = new Graph("iOS18");
  const x = g.input("x", tensorType("fp16", [1, 4]));
  const cache = g.input("cache", { kind: "state", of: tensorType("fp16", [1, 4]) });
  const sum = g.op("add", { x: g.op("read_state", { input: cache }), y: x });
  g.emit("write_state", { input: cache, data: sum });
  const func = g.end({ y: g.op("relu", { x: sum }) });
  const described: Interface = {
    inputs: [tensor("x", [1, 4], { dtype: "fp16" })],
    outputs: [tensor("y", [1, 4], { dtype: "fp16" })],
    states: [{ name: "cache", kind: "state", dtype: "fp16", shape: [1, 4] }],
  };
  const path = await written({ target: "iOS18", functions: { main: { func, described } } });
  expect(interfaceOf(path)).toEqual(described);
});

test("several functions share a weight", async () => {
  const weight = tensorOf("fp32", [4, 4], Array(16).fill(0.25), "shared");
  const make = (op: "relu" | "tanh"): Func => {
    const g = new Graph("iOS18");
    return g.end({ y: g.op(op, { x: g.op("linear", { x: g.input("x", float32([1, 4])), weight }) }) });
  };
  const described: Interface = { inputs: [tensor("x", [1, 4])], outputs: [tensor("y", [1, 4])], states: [] };
  const path = await written({
    target: "iOS18",
    multifunction: true,
    functions: { prefill: { func: make("relu"), described }, decode: { func: make("tanh"), described } },
  });
  using model = readPackage(path, ops);
  expect([...model.program.functions.keys()]).toEqual(["prefill", "decode"]);
  expect([model.multifunction, model.defaultFunction]).toEqual([true, "prefill"]);
  expect([...model.interfaces.values()]).toEqual([described, described]);
  const message = readMessage(path);
  expect(message.description).toMatchObject({ defaultFunctionName: "prefill" });
  expect(message.description?.input ?? []).toEqual([]);
  const offsets = Object.values(message.mlProgram?.functions ?? {}).flatMap((f) =>
    Object.values(f.blockSpecializations ?? {}).flatMap((b) =>
      (b.operations ?? []).flatMap((o) => o.attributes?.val?.blobFileValue?.offset ?? []),
    ),
  );
  expect(offsets).toEqual([64, 64]);
});
