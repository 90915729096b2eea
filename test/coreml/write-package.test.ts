import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { buildGraph } from "../../src/assembly/graph.ts";
import type { Model } from "../../src/coreml/package.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { fail } from "../../src/diagnostics.ts";
import { float32 } from "../../src/mil/builder.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { casesOf, checkpointOf } from "../fixtures/case.ts";
import { keepPackage } from "../keep-package.ts";
import { Graph, programOf } from "../mil/graph.ts";
import { testFolder } from "./files.ts";

/** What the next writes throw, after as many that work. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, code: "" }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const limited =
    <A extends unknown[], R>(write: (...args: A) => R) =>
    (...args: A): R => {
      if (disk.left-- <= 0) throw Object.assign(new Error(`${disk.code}: write`), { code: disk.code });
      return write(...args);
    };
  return { ...fs, writeSync: limited(fs.writeSync), writeFileSync: limited(fs.writeFileSync as typeof fs.writeSync) };
});

const folder = testFolder();
afterEach(() => {
  disk.left = Number.POSITIVE_INFINITY;
});

function modelOf(weight: LazyTensor): Model {
  const g = new Graph("iOS16");
  const [rows = 0, columns = 0] = weight.shape;
  const func = g.end({ y: g.op("linear", { x: g.input("x", float32([1, columns])), weight }) });
  const feature = (name: string, shape: readonly number[]) =>
    ({ name, kind: "tensor", dtype: "fp32", shape, flexibility: { kind: "fixed" } }) as const;
  return {
    target: "iOS16",
    program: programOf(func),
    interfaces: new Map([
      ["main", { inputs: [feature("x", [1, columns])], outputs: [feature("y", [1, rows])], states: [] }],
    ]),
    defaultFunction: "main",
    multifunction: false,
    metadata: { shortDescription: "a test", userDefined: new Map([["key", "value"]]) },
  };
}
const small = (): Model =>
  modelOf(
    tensorOf(
      "fp32",
      [4, 8],
      Array.from({ length: 32 }, (_, i) => i / 8),
      "w",
    ),
  );
const entries = (): readonly string[] => readdirSync(folder).sort();

/** Every file of a package. */
const filesOf = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile())
      .map((e) => join(e.parentPath, e.name))
      .map((file) => [file.slice(path.length), createHash("sha256").update(readFileSync(file)).digest("hex")]),
  );

test("a package is three files, and says how large it is", async () => {
  const path = join(folder, "small.mlpackage");
  const { bytes, weights } = await writePackage(path, small(), ops);
  keepPackage(path);
  expect(Object.keys(filesOf(path)).sort()).toEqual([
    "/Data/com.apple.CoreML/model.mlmodel",
    "/Data/com.apple.CoreML/weights/weight.bin",
    "/Manifest.json",
  ]);
  const onDisk = Object.keys(filesOf(path)).reduce((n, file) => n + readFileSync(join(path, file)).length, 0);
  expect(bytes).toBe(onDisk);
  // The bias that every `linear` has is too short for the weight file.
  expect(weights).toEqual({ fp32: { tensors: 1, bytes: 4 * 4 * 8 } });
  using model = readPackage(path, ops);
  expect(model.metadata).toEqual({ shortDescription: "a test", userDefined: new Map([["key", "value"]]) });
});

test.each(["bert", "gpt2", "vit", "distilbert"])("%s: the same model twice is the same bytes", async (modelType) => {
  const [c] = casesOf(modelType);
  if (!c) throw new Error("no case");
  const make = async (to: string, precision: "float32" | "float16"): Promise<Record<string, string>[]> => {
    const checkpoint = checkpointOf(modelType, c);
    const planned = makePlan(checkpoint, { ...c.options, task: c.task, precision });
    const made: Record<string, string>[] = [];
    for (const plan of planned.plans) {
      const model = buildGraph(plan, planned, checkpoint);
      const functions = [...model.program.functions].map(
        ([name, f]) => [name, precision === "float16" ? halfPrecision(f, ops) : f] as const,
      );
      const path = join(folder, `${to}_${modelType}_${plan.part}_${precision}.mlpackage`);
      await writePackage(path, { ...model, program: { functions: new Map(functions) } }, ops);
      made.push(filesOf(path));
    }
    return made;
  };
  for (const precision of ["float32", "float16"] as const)
    expect(await make("first", precision)).toEqual(await make("second", precision));
});

describe("a write that fails leaves nothing behind", () => {
  test.each([0, 1, 2, 3, 4])("no space after %d writes", async (left) => {
    const before = entries();
    Object.assign(disk, { left, code: "ENOSPC" });
    await expect(writePackage(join(folder, "full.mlpackage"), small(), ops)).rejects.toThrow("ENOSPC");
    expect(entries()).toEqual(before);
  });

  test("the sixth write is the last", async () => {
    Object.assign(disk, { left: 5, code: "ENOSPC" });
    await writePackage(join(folder, "enough.mlpackage"), small(), ops);
    expect(disk.left).toBe(0);
  });

  test("no permission", async () => {
    const before = entries();
    Object.assign(disk, { left: 0, code: "EACCES" });
    await expect(writePackage(join(folder, "denied.mlpackage"), small(), ops)).rejects.toThrow("EACCES");
    expect(entries()).toEqual(before);
  });

  test("a weight that cannot be read", async () => {
    const before = entries();
    const torn: LazyTensor = {
      dtype: "fp32",
      shape: [4, 8],
      key: "torn",
      read: () => fail("unreadable", "file.read", "the file ends"),
    };
    await expect(writePackage(join(folder, "torn.mlpackage"), modelOf(torn), ops)).rejects.toThrow("the file ends");
    expect(entries()).toEqual(before);
  });

  test("a caller who stops", async () => {
    const before = entries();
    const stop = new Error("stopped");
    const large = modelOf(tensorOf("fp32", [2000, 2000], new Float32Array(4_000_000), "large"));
    let calls = 0;
    await expect(
      writePackage(join(folder, "stopped.mlpackage"), large, ops, async (bytes, total) => {
        expect(bytes).toBeLessThan(total);
        if (++calls === 2) throw stop;
      }),
    ).rejects.toBe(stop);
    expect(entries()).toEqual(before);
  });

  test("a parent that is missing, or a file", async () => {
    await expect(writePackage(join(folder, "nowhere", "m.mlpackage"), small(), ops)).rejects.toThrow("ENOENT");
    writeFileSync(join(folder, "file"), "");
    await expect(writePackage(join(folder, "file", "m.mlpackage"), small(), ops)).rejects.toThrow("ENOTDIR");
  });
});

test("what stands at the place is not touched", async () => {
  const path = join(folder, "taken.mlpackage");
  mkdirSync(path);
  writeFileSync(join(path, "mine"), "precious");
  await expect(writePackage(path, small(), ops)).rejects.toThrow("EEXIST");
  expect(readFileSync(join(path, "mine"), "utf8")).toBe("precious");
  expect(existsSync(join(path, "Manifest.json"))).toBe(false);
});
