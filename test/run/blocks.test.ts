import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { float32, int32 } from "../../src/mil/builder.ts";
import { length } from "../../src/mil/dim.ts";
import type { Interface } from "../../src/mil/interface.ts";
import { type Func, Value } from "../../src/mil/program.ts";
import { tensorType } from "../../src/mil/types.ts";
import { type HostTensor, type HostTensors, hostTensor } from "../../src/run/host-tensor.ts";
import type { Mode } from "../../src/run/lower.ts";
import { openSession, type Prediction } from "../../src/run/session.ts";
import { Spill } from "../../src/run/spill.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { Graph } from "../mil/graph.ts";
import { describedBy, packageOf, testFolder } from "./packages.ts";

const folder = testFolder();
let count = 0;

const SIZE = 24;
const weight = (seed: number, dtype: "fp32" | "fp16" = "fp32"): LazyTensor => {
  const values = Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(seed * 1000 + i * i) * 0.3);
  return tensorOf(dtype, [SIZE, SIZE], values, `w${seed}`);
};
const wave = (...shape: number[]): HostTensor => ({
  dtype: "fp32",
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)),
});
const whole = (n: number): HostTensor => ({ dtype: "int32", shape: [1], data: Int32Array.of(n) });

interface Case {
  readonly build: () => Func;
  readonly described?: Partial<Interface>;
  readonly calls: readonly HostTensors[];
  readonly watch?: readonly string[];
}

/** `layers` linear layers, each with a weight of its own. */
function chain(g: Graph, x: Value, layers: number, dtype: "fp32" | "fp16" = "fp32"): Value {
  let y = x;
  for (let i = 0; i < layers; i++) y = g.op("tanh", { x: g.op("linear", { x: y, weight: weight(i, dtype) }) });
  return y;
}
const input = (g: Graph): Value => g.input("x", float32([2, SIZE]));
const calls: readonly HostTensors[] = [
  { x: wave(2, SIZE) },
  { x: hostTensor("fp32", [2, SIZE], Array(2 * SIZE).fill(0.5)) },
];

const cases: Readonly<Record<string, Case>> = {
  "a chain": {
    build: () => {
      const g = new Graph();
      return g.end({ y: chain(g, input(g), 6) });
    },
    calls,
  },
  "residuals, and a value used far later": {
    build: () => {
      const g = new Graph();
      const x = input(g);
      const early = g.op("linear", { x, weight: weight(90) });
      let y = x;
      for (let i = 0; i < 5; i++) y = g.op("add", { x: y, y: chain(g, y, 2) });
      return g.end({ y: g.op("mul", { x: g.op("add", { x: y, y: early }), y: x }) });
    },
    calls,
  },
  "several outputs, one read from an input alone, one from a constant, one inside the chain": {
    build: () => {
      const g = new Graph();
      const x = input(g);
      const middle = chain(g, x, 3);
      const kept = g.op("identity", { x: g.weight(weight(7)) });
      return g.end({ y: chain(g, middle, 3), middle, negated: g.op("mul", { x, y: -1 }), kept });
    },
    calls,
  },
  "an output that nothing follows": {
    build: () => {
      const g = new Graph();
      const x = input(g);
      const first = g.op("relu", { x });
      return g.end({ first, y: chain(g, x, 4) });
    },
    calls,
  },
  "a constant shared by several blocks": {
    build: () => {
      const g = new Graph();
      let y = input(g);
      for (const seed of [1, 2, 1, 3, 1]) y = g.op("tanh", { x: g.op("linear", { x: y, weight: weight(seed) }) });
      return g.end({ y });
    },
    calls,
  },
  "integers and booleans in between": {
    build: () => {
      const g = new Graph();
      const x = input(g);
      const y = chain(g, x, 2);
      const positive = g.op("greater", { x: y, y: 0 });
      const truncated = g.op("cast", { x: g.op("mul", { x: y, y: 100 }), dtype: "int32" });
      const z = chain(g, y, 2);
      const sum = g.op("add", { x: truncated, y: g.op("cast", { x: g.op("less", { x: z, y: 0 }), dtype: "int32" }) });
      return g.end({ sum, y: g.op("select", { cond: positive, a: z, b: x }) });
    },
    calls,
  },
  "branches that read values from far outside": {
    build: () => {
      const g = new Graph();
      const x = input(g);
      const early = g.op("linear", { x, weight: weight(90) });
      const late = chain(g, x, 3);
      const pred = g.op("greater", { x: g.op("reduce_max", { x, axes: [0, 1], keep_dims: false }), y: 0.9 });
      const [chosen] = g.emit(
        "cond",
        { pred },
        {
          blocks: [
            g.block(() => [g.op("add", { x: early, y: late })]),
            g.block(() => [g.op("linear", { x: late, weight: weight(91) })]),
          ],
        },
      );
      return g.end({ y: chain(g, chosen as Value, 2) });
    },
    calls,
  },
  "a loop that reads values from far outside": {
    build: () => {
      const g = new Graph();
      const [x, times] = [input(g), g.input("times", int32([1]))];
      const early = g.op("linear", { x, weight: weight(90) });
      const start = chain(g, x, 3);
      const left = g.op("squeeze", { x: times, axes: [0] });
      const inputs = [
        { name: "left", type: left.type },
        { name: "sum", type: start.type },
      ];
      const results = g.emit(
        "while_loop",
        { loop_vars: [left, start] },
        {
          blocks: [
            g.block(([n]) => [g.op("greater", { x: n as Value, y: 0 })], inputs),
            g.block(
              ([n, s]) => [g.op("sub", { x: n as Value, y: 1 }), g.op("add", { x: s as Value, y: early })],
              inputs,
            ),
          ],
        },
      );
      return g.end({ y: chain(g, results[1] as Value, 2) });
    },
    calls: [
      { x: wave(2, SIZE), times: whole(3) },
      { x: wave(2, SIZE), times: whole(0) },
    ],
  },
  "watched inner values": {
    build: () => {
      const g = new Graph();
      let y = input(g);
      for (let i = 0; i < 4; i++) y = g.op("tanh", { x: g.op("linear", { x: y, weight: weight(i) }, `layer${i}`) });
      return g.end({ y });
    },
    watch: ["layer0", "layer2"],
    calls,
  },
  "a state": {
    build: () => {
      const g = new Graph("iOS18");
      const x = g.input("x", tensorType("fp16", [2, SIZE]));
      const total = g.input("total", { kind: "state", of: tensorType("fp16", [2, SIZE]) });
      const sum = g.op("add", { x: g.op("read_state", { input: total }), y: chain(g, x, 3, "fp16") });
      g.emit("write_state", { input: total, data: sum });
      const again = g.op("read_state", { input: total });
      return g.end({ y: chain(g, again, 3, "fp16") });
    },
    calls: [...calls, ...calls],
  },
  "half precision": {
    build: () => {
      const g = new Graph("iOS16");
      const x = g.op("cast", { x: input(g), dtype: "fp16" });
      const y = chain(g, x, 5, "fp16");
      return g.end({ y: g.op("cast", { x: g.op("add", { x: y, y: x }), dtype: "fp32" }) });
    },
    calls,
  },
  "a classifier": {
    build: () => {
      const g = new Graph();
      const first = g.op("slice_by_index", { x: chain(g, input(g), 4), begin: [0, 0], end: [1, 5] });
      const probabilities = g.op("softmax", { x: first, axis: -1 });
      const type = { kind: "list", element: tensorType("string", []), length: 5 } as const;
      const classes = new Value("classes", type, { constant: { kind: "strings", values: [..."abcde"] } });
      const [label, dictionary] = g.emit("classify", { probabilities, classes });
      return g.end({ classLabel: label as Value, scores: dictionary as Value });
    },
    described: {
      outputs: [
        { name: "classLabel", kind: "label", type: "string" },
        { name: "scores", kind: "probabilities", key: "string" },
      ],
      classifier: { label: "classLabel", probabilities: "scores" },
    },
    calls,
  },
  "a length known only at the call": {
    build: () => {
      const g = new Graph();
      const x = g.input("x", float32([length("S", 1, 9), SIZE]));
      const y = chain(g, x, 4);
      const rows = g.op("gather", { x: g.op("shape", { x: y }), indices: 0 });
      return g.end({ y: g.op("add", { x: chain(g, y, 2), y: x }), rows });
    },
    described: {
      inputs: [
        {
          name: "x",
          kind: "tensor",
          dtype: "fp32",
          shape: [9, SIZE],
          flexibility: {
            kind: "range",
            ranges: [
              [1, 9],
              [SIZE, SIZE],
            ],
          },
        },
      ],
    },
    calls: [1, 4, 9].map((rows) => ({ x: wave(rows, SIZE) })),
  },
};

const fulfilled = (results: readonly PromiseSettledResult<Prediction>[]): Prediction[] =>
  results.map((r) => {
    if (r.status === "rejected") throw r.reason;
    return r.value;
  });

describe.each(Object.entries(cases))("%s", (_, { build, described, calls, watch }) => {
  const modes: readonly Mode[] = ["rounded", "wide"];
  test.each(modes)("%s: the same bits in one block, in some, and in as many as there are operations", async (mode) => {
    const func = build();
    const path = join(folder, `${count++}.mlpackage`);
    await packageOf(path, func, { described: { ...describedBy(func), ...described }, isKept: false });
    const options = { mode, ...(watch ? { watch } : {}) };
    const one = await openSession(path, options);
    expect(one.blocks).toBe(1);
    const expected: Prediction[] = [];
    for (const inputs of calls) expected.push(await one.run(inputs));
    for (const name of watch ?? []) expect(Object.keys(expected[0]?.outputs ?? {})).toContain(name);

    const weightBytes = 4 * SIZE * SIZE;
    let fewer = 2;
    for (const blockBytes of [1.5 * weightBytes, -1]) {
      const spill = new Spill(join(folder, `${count++}.spill`));
      const session = await openSession(path, { ...options, blockBytes }, spill);
      spill.close();
      expect(session.blocks).toBeGreaterThanOrEqual(fewer);
      fewer = session.blocks;
      const found: Prediction[] = [];
      for (const inputs of calls) found.push(await session.run(inputs));
      expect(found, `${session.blocks} blocks`).toEqual(expected);
      const together = await openSession(path, { ...options, blockBytes });
      expect(fulfilled(await together.runAll(calls)), "all calls through each block").toEqual(expected);
    }
  });
});

test("a call that cannot run does not spoil those that go with it", async () => {
  const g = new Graph();
  const [x, at] = [input(g), g.input("at", int32([1]))];
  const func = g.end({ y: g.op("gather", { x: chain(g, x, 3), indices: at }) });
  const path = await packageOf(join(folder, `${count++}.mlpackage`), func, { isKept: false });
  const session = await openSession(path, { mode: "wide", blockBytes: 1 });
  const good = { x: wave(2, SIZE), at: whole(1) };
  const results = await session.runAll([good, { x: wave(1, SIZE), at: whole(0) }, { ...good, at: whole(99) }, good]);
  expect(results.map((r) => r.status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  expect(results[3]).toEqual(results[0]);
});

test("compressed weights are decoded into a file, not into the graph", async () => {
  const g = new Graph("iOS18");
  const picks = Array.from({ length: SIZE * SIZE }, (_, i) => (i * 7) % 16);
  const indices = tensorOf("uint4", [SIZE, SIZE], picks, "picks");
  const table = tensorOf(
    "fp16",
    [1, 1, 16, 1],
    Array.from({ length: 16 }, (_, i) => i / 16 - 0.5),
    "table",
  );
  const x = g.op("cast", { x: input(g), dtype: "fp16" });
  const first = g.op("linear", { x, weight: g.op("constexpr_lut_to_dense", { indices, lut: table }) });
  const data = tensorOf(
    "int8",
    [SIZE, SIZE],
    picks.map((n) => n - 8),
    "data",
  );
  const scale = tensorOf(
    "fp16",
    [SIZE, 1],
    Array.from({ length: SIZE }, (_, i) => (i + 1) / 256),
    "scale",
  );
  const second = g.op("linear", { x: first, weight: g.op("constexpr_blockwise_shift_scale", { data, scale }) });
  const func = g.end({ y: g.op("cast", { x: second, dtype: "fp32" }) });
  const path = await packageOf(join(folder, `${count++}.mlpackage`), func);
  const inMemory = await openSession(path, { mode: "rounded" });
  const expected = await inMemory.run({ x: wave(2, SIZE) });
  expect(expected.outputs.y?.data.some((v) => Math.abs(v) > 0.1)).toBe(true);

  const spill = new Spill(join(folder, `${count++}.spill`));
  const session = await openSession(path, { mode: "rounded", blockBytes: 1 }, spill);
  spill.close();
  // Two matrices of halves.
  expect(statSync(spill.path).size).toBe(2 * 2 * SIZE * SIZE);
  expect(session.blocks).toBeGreaterThan(1);
  expect(await session.run({ x: wave(2, SIZE) })).toEqual(expected);
});
