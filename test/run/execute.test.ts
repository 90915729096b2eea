import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import { float32, int32 } from "../../src/mil/builder.ts";
import type { Func } from "../../src/mil/program.ts";
import { tensorType } from "../../src/mil/types.ts";
import { type Execution, execute, executeGraph } from "../../src/run/execute.ts";
import type { HostTensor } from "../../src/run/host-tensor.ts";
import { Spill } from "../../src/run/spill.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { cast, transposed } from "../../src/tensor/views.ts";
import { Graph } from "../mil/graph.ts";
import { describedBy, packageOf, testFolder } from "./packages.ts";

/** Every process that was started. */
const forked = vi.hoisted((): ChildProcess[] => []);
vi.mock("node:child_process", async (original) => {
  const real = await original<typeof import("node:child_process")>();
  const fork = (...args: Parameters<typeof real.fork>): ChildProcess => {
    const child = real.fork(...args);
    forked.push(child);
    return child;
  };
  return { ...real, fork };
});

const folder = testFolder();
let count = 0;
const newPath = (): string => join(folder, `${count++}.mlpackage`);
const vector = (...values: number[]): HostTensor => ({
  dtype: "fp32",
  shape: [1, values.length],
  data: Float32Array.from(values),
});

/** Adds 1 for as long as `again` is 1. */
function loop(): Func {
  const g = new Graph();
  const [x, again] = [g.input("x", float32([1, 1])), g.input("again", int32([1, 1]))];
  const flag = g.op("squeeze", { x: g.op("cast", { x: again, dtype: "bool" }) });
  const inputs = [
    { name: "i", type: x.type },
    { name: "flag", type: flag.type },
  ];
  const [y] = g.emit(
    "while_loop",
    { loop_vars: [x, flag] },
    {
      blocks: [
        g.block(([, f]) => [g.op("identity", { x: f })], inputs),
        g.block(([i, f]) => [g.op("add", { x: i, y: 1 }), g.op("identity", { x: f })], inputs),
      ],
    },
  );
  return g.end({ y: y as NonNullable<typeof y> });
}
const endless = { x: vector(0), again: { dtype: "int32", shape: [1, 1], data: Int32Array.of(1) } } as const;
const ends = { ...endless, again: { ...endless.again, data: Int32Array.of(0) } } as const;

/** Doubles x and adds what `w` says. */
function small(): Func {
  const g = new Graph();
  const x = g.input("x", float32([1, 16]));
  const weight = tensorOf(
    "fp32",
    [16, 16],
    Array.from({ length: 256 }, (_, i) => (i % 17 === 0 ? 2 : 0)),
    "w",
  );
  return g.end({ y: g.op("linear", { x, weight }) });
}
const sixteen = vector(...Array.from({ length: 16 }, (_, i) => i));

const codeOf = async (running: Promise<unknown>): Promise<string> => {
  try {
    await running;
    return "none";
  } catch (cause) {
    if (cause instanceof ConversionError) return cause.diagnostics[0]?.code ?? "";
    throw cause;
  }
};

const codes = (cause: unknown): readonly string[] =>
  cause instanceof ConversionError ? cause.diagnostics.map((d) => d.code) : [];

const newest = (): ChildProcess => forked.at(-1) as ChildProcess;
const ended = (child: ChildProcess): Promise<void> =>
  vi.waitFor(() => expect(child.exitCode ?? child.signalCode).not.toBeNull());

describe("a process of its own", () => {
  test("gives what the package computes, call after call", async () => {
    await using e = await execute(await packageOf(newPath(), small()), { mode: "rounded" });
    for (let i = 0; i < 3; i++) {
      const { outputs } = await e.run({ x: vector(...Array(16).fill(i)) });
      expect([...(outputs.y?.data ?? [])]).toEqual(Array(16).fill(2 * i));
      expect(outputs.y?.shape).toEqual([1, 16]);
    }
  });

  test("a loop that never ends is ended by the time limit", async () => {
    await using e = await execute(await packageOf(newPath(), loop()), { mode: "rounded", timeLimit: 2 });
    expect((await e.run(ends)).outputs.y?.data[0]).toBe(0);
    const child = newest();
    const begin = performance.now();
    await expect(e.run(endless)).rejects.toMatchObject({
      kind: "validation",
      diagnostics: [{ code: "run.time", message: "took longer than 2 s", hint: "raise --time-limit" }],
    });
    const seconds = (performance.now() - begin) / 1000;
    expect(seconds).toBeGreaterThan(1.9);
    expect(seconds).toBeLessThan(10);
    await ended(child);
    expect(await codeOf(e.run(ends)), "afterwards").toBe("run.crash");
  });

  test("a time limit beyond what timers can is none", async () => {
    await using e = await execute(await packageOf(newPath(), loop()), { mode: "rounded", timeLimit: 1e9 });
    expect((await e.run(ends)).outputs.y?.data[0]).toBe(0);
  });

  test("its death is an error that says how it died, at once", async () => {
    await using e = await execute(await packageOf(newPath(), loop()), { mode: "rounded", timeLimit: 60 });
    const running = e.run(endless);
    setTimeout(() => newest().kill("SIGSEGV"), 200);
    await expect(running).rejects.toMatchObject({
      diagnostics: [{ code: "run.crash", message: expect.stringContaining("SIGSEGV") }],
    });
    await expect(e.run(ends), "and again").rejects.toMatchObject({
      diagnostics: [{ code: "run.crash", message: expect.stringContaining("SIGSEGV") }],
    });
  });

  test("a caller's signal stops it", async () => {
    const controller = new AbortController();
    const path = await packageOf(newPath(), loop());
    await using e = await execute(path, { mode: "rounded", signal: controller.signal });
    const child = newest();
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 100);
    await expect(e.run(endless)).rejects.toBe(reason);
    await ended(child);
    await expect(execute(path, { mode: "rounded", signal: controller.signal }), "aborted before").rejects.toBe(reason);
  });

  test("closing it ends it", async () => {
    const e = await execute(await packageOf(newPath(), small()), { mode: "rounded" });
    const child = newest();
    e.close();
    await ended(child);
    expect(await codeOf(e.run({ x: sixteen }))).toBe("run.crash");
  });

  test("calls at the same time each get their own answer", async () => {
    await using e = await execute(await packageOf(newPath(), small()), { mode: "rounded" });
    const calls = [1, 2, 3, 4].map((n) => e.run({ x: vector(...Array(16).fill(n)) }));
    expect((await Promise.all(calls)).map(({ outputs }) => outputs.y?.data[0])).toEqual([2, 4, 6, 8]);
  });

  test("a call that is refused does not spoil the next", async () => {
    await using e = await execute(await packageOf(newPath(), small()), { mode: "rounded" });
    expect(await codeOf(e.run({ x: vector(1) }))).toBe("input.shape");
    expect(await codeOf(e.run({}))).toBe("input.missing");
    expect((await e.run({ x: sixteen })).outputs.y?.data[1]).toBe(2);
  });

  test("errors of the package come back as they are, nothing is printed", async () => {
    const written = vi.spyOn(process.stderr, "write");
    expect(await codeOf(execute(join(folder, "nowhere.mlpackage"), { mode: "rounded" }))).toBe("package.missing");
    const path = await packageOf(newPath(), small());
    expect(await codeOf(execute(path, { mode: "rounded", function: "other" }))).toBe("run.function");
    expect(written).not.toHaveBeenCalled();
  });
});

describe("states", () => {
  const counter = (dtype: "fp16"): Func => {
    const g = new Graph("iOS18");
    const x = g.input("x", tensorType(dtype, [1, 2]));
    const total = g.input("total", { kind: "state", of: tensorType(dtype, [1, 2]) });
    const sum = g.op("add", { x: g.op("read_state", { input: total }), y: x });
    g.emit("write_state", { input: total, data: sum });
    return g.end({ y: g.op("mul", { x: sum, y: g.scalar(dtype, 2) }) });
  };
  const numbers = (t: HostTensor | undefined): readonly number[] => [...(t?.data ?? [])];

  test("begin at zero, are kept from call to call, and come back with the outputs", async () => {
    await using e = await execute(await packageOf(newPath(), counter("fp16")), { mode: "rounded" });
    for (let i = 1; i <= 3; i++) {
      const { outputs } = await e.run({ x: vector(1, 10) });
      expect(numbers(outputs.y)).toEqual([2 * i, 20 * i]);
      expect(numbers(outputs["state.total"])).toEqual([i, 10 * i]);
      expect(Object.keys(outputs).sort()).toEqual(["state.total", "y"]);
    }
    // A given state takes the place of the kept one, of whatever type its numbers come in.
    const given: HostTensor = { dtype: "int32", shape: [1, 2], data: Int32Array.of(100, 200) };
    expect(numbers((await e.run({ x: vector(1, 1), "state.total": given })).outputs["state.total"])).toEqual([
      101, 201,
    ]);
    expect(numbers((await e.run({ x: vector(1, 1) })).outputs["state.total"])).toEqual([102, 202]);
  });

  test("belong to one process", async () => {
    const path = await packageOf(newPath(), counter("fp16"));
    await using a = await execute(path, { mode: "rounded" });
    await using b = await execute(path, { mode: "rounded" });
    await a.run({ x: vector(5, 5) });
    expect(numbers((await b.run({ x: vector(1, 1) })).outputs["state.total"])).toEqual([1, 1]);
  });
});

/** A linear layer of `size` x `size`. */
function square(size: number): Func {
  const g = new Graph();
  const x = g.input("x", float32([1, size]));
  const weight = tensorOf("fp32", [size, size], new Float32Array(size * size).fill(2 ** -10), "w");
  return g.end({ y: g.op("linear", { x, weight }) });
}

describe("memory", () => {
  const peakOf = async (size: number): Promise<number> => {
    await using e = await execute(await packageOf(newPath(), square(size), { isKept: false }), { mode: "rounded" });
    const opened = e.peakMemory;
    expect(opened).toBeGreaterThan(20 << 20);
    const { outputs } = await e.run({ x: vector(...Array<number>(size).fill(1)) });
    expect(outputs.y?.data[size - 1]).toBe(size * 2 ** -10);
    expect(e.peakMemory).toBeGreaterThanOrEqual(opened);
    return e.peakMemory;
  };
  test("is measured, and weights are mapped rather than held", async () => {
    const few = await peakOf(64);
    const many = await peakOf(7168);
    const weights = 4 * 7168 ** 2;
    expect(weights).toBeGreaterThan(200e6);
    // Pages that were read count once; a copy would count twice.
    expect(many - few).toBeGreaterThan(0.5 * weights);
    expect(many - few).toBeLessThan(1.3 * weights);
  });
});

/** Four linear layers of `size` x `size`, each with a weight of its own, each of which multiplies by size / 1024. */
function layers(size: number): Func {
  const g = new Graph();
  let y = g.input("x", float32([1, size]));
  for (let i = 0; i < 4; i++) {
    const weight = tensorOf("fp32", [size, size], new Float32Array(size * size).fill(2 ** -10), `w${i}`);
    y = g.op("linear", { x: y, weight });
  }
  return g.end({ y });
}

describe("blocks", () => {
  test("hold the weights in memory one after the other", async () => {
    const size = 3072;
    const path = await packageOf(newPath(), layers(size), { isKept: false });
    const peakOf = async (blockBytes: number, blocks: number): Promise<number> => {
      await using e = await execute(path, { mode: "rounded", blockBytes });
      expect(e.blocks).toBe(blocks);
      const { outputs } = await e.run({ x: vector(...Array<number>(size).fill(1)) });
      expect(outputs.y?.data[0]).toBe(3 ** 4);
      return e.peakMemory;
    };
    const one = 4 * size ** 2;
    // What the other three would take.
    expect((await peakOf(5 * one, 1)) - (await peakOf(one, 4))).toBeGreaterThan(2.5 * one);
  });

  test("are opened once for calls at the same time, each of which gets its own answer", async () => {
    const path = await packageOf(newPath(), layers(64), { isKept: false });
    await using e = await execute(path, { mode: "rounded", blockBytes: 1 });
    expect(e.blocks).toBe(4);
    const sent = vi.spyOn(newest(), "send");
    const ones = (n: number): HostTensor => vector(...Array<number>(64).fill(n));
    const factor = (64 / 1024) ** 4;
    const results = await Promise.allSettled([e.run({ x: ones(1) }), e.run({ x: vector(1) }), e.run({ x: ones(3) })]);
    expect(sent).toHaveBeenCalledTimes(1);
    expect(results.map((r) => (r.status === "fulfilled" ? r.value.outputs.y?.data[0] : codes(r.reason)))).toEqual([
      factor,
      ["input.shape"],
      3 * factor,
    ]);
  });
});

test("the peak memory is that of the process, not of the one that started it", async () => {
  const path = await packageOf(newPath(), small());
  const held = Buffer.alloc(600 << 20, 1);
  await using e = await execute(path, { mode: "rounded" });
  expect(held.length).toBeGreaterThan(0);
  expect(e.peakMemory).toBeGreaterThan(20 << 20);
  expect(e.peakMemory).toBeLessThan(400 << 20);
});

test("what runs is the package on disk", async () => {
  const path = await packageOf(newPath(), small());
  const first = await (async () => {
    await using e = await execute(path, { mode: "rounded" });
    return (await e.run({ x: sixteen })).outputs.y?.data;
  })();
  const file = openSync(join(path, "Data/com.apple.CoreML/weights/weight.bin"), "r+");
  // The last element of the matrix becomes 8.
  writeSync(file, new Uint8Array(Float32Array.of(8).buffer), 0, 4, 128 + 4 * 255);
  closeSync(file);
  await using e = await execute(path, { mode: "rounded" });
  const second = (await e.run({ x: sixteen })).outputs.y?.data;
  expect([first?.[15], second?.[15]]).toEqual([30, 120]);
  expect(second?.slice(0, 15)).toEqual(first?.slice(0, 15));
});

describe("a graph in memory, over a checkpoint's bytes", () => {
  const [rows, columns] = [48, 40];
  const values = Array.from({ length: rows * columns }, (_, i) => ((i * 37) % 101) / 64 - 0.75);
  const stored: Readonly<Record<string, () => LazyTensor>> = {
    fp32: () => tensorOf("fp32", [rows, columns], values, "w"),
    "bf16, widened": () => cast(tensorOf("bf16", [rows, columns], values, "w"), "fp32"),
    "fp16, widened": () => cast(tensorOf("fp16", [rows, columns], values, "w"), "fp32"),
    transposed: () => transposed(tensorOf("fp32", [columns, rows], values, "w")),
    "fp16, transposed and widened": () => cast(transposed(tensorOf("fp16", [columns, rows], values, "w")), "fp32"),
  };
  test.each(Object.entries(stored))("%s: equals the package", async (_, make) => {
    const build = (): Func => {
      const g = new Graph();
      const x = g.input("x", float32([2, columns]));
      return g.end({ y: g.op("gelu", { x: g.op("linear", { x, weight: make() }), mode: "EXACT" }) });
    };
    const x: HostTensor = {
      dtype: "fp32",
      shape: [2, columns],
      data: Float32Array.from({ length: 2 * columns }, (_, i) => Math.sin(i)),
    };
    const outputOf = async (e: Execution): Promise<HostTensor> => (await e.run({ x })).outputs.y as HostTensor;
    await using written = await execute(await packageOf(newPath(), build()), { mode: "wide" });
    const expected = await outputOf(written);
    expect(expected.data.some((v) => Math.abs(v) > 0.1)).toBe(true);

    const func = build();
    await using copied = await executeGraph("copied", func, describedBy(func), { mode: "wide" });
    expect(await outputOf(copied)).toEqual(expected);

    const spill = new Spill(join(folder, `${count++}.spill`));
    await using spilt = await executeGraph("spilt", func, describedBy(func), { mode: "wide", spill });
    expect(await outputOf(spilt)).toEqual(expected);
    await using cut = await executeGraph("cut", func, describedBy(func), { mode: "wide", spill, blockBytes: 1 });
    expect(cut.blocks).toBeGreaterThan(1);
    expect(await outputOf(cut)).toEqual(expected);
    spill.close();
  });
});
