import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { float32 } from "../../src/mil/builder.ts";
import { execute } from "../../src/run/execute.ts";
import { Spill } from "../../src/run/spill.ts";
import { TemporaryFile } from "../../src/run/temporary-file.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { Graph } from "../mil/graph.ts";
import { packageOf, testFolder } from "./packages.ts";

const folder = testFolder();
let count = 0;
let temporary: string;
beforeEach(() => {
  temporary = join(folder, `temporary-${count++}`);
  mkdirSync(temporary);
  vi.stubEnv("TMPDIR", temporary);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A linear layer whose matrix is a look-up table's. */
async function palettized(): Promise<string> {
  const g = new Graph("iOS18");
  const x = g.input("x", float32([1, 64]));
  const picks = Array.from({ length: 64 * 64 }, (_, i) => i % 16);
  const indices = tensorOf("uint4", [64, 64], picks, "picks");
  const lut = tensorOf(
    "fp32",
    [1, 1, 16, 1],
    Array.from({ length: 16 }, (_, i) => i),
    "lut",
  );
  const weight = g.op("constexpr_lut_to_dense", { indices, lut });
  const path = join(folder, `${count++}.mlpackage`);
  return packageOf(path, g.end({ y: g.op("linear", { x, weight }) }), { isKept: false });
}
/** ONNX Runtime leaves files of its own here. */
const decodedFiles = (): string[] => readdirSync(temporary).filter((name) => name.startsWith("coreml-export-"));
const isGone = (): Promise<void> =>
  vi.waitFor(() => expect(decodedFiles()).toEqual([]), { timeout: 10_000, interval: 50 });

describe("decoded weights", () => {
  test("are in a file for as long as the package is open", async () => {
    const e = await execute(await palettized(), { mode: "wide" });
    expect(decodedFiles()).toHaveLength(1);
    const x = { dtype: "fp32", shape: [1, 64], data: new Float32Array(64).fill(1) } as const;
    expect((await e.run({ x })).outputs.y?.data[0]).toBe(64 * 7.5);
    e.close();
    await isGone();
  });

  test("that find no room are an error of their own", async () => {
    vi.stubEnv("TMPDIR", join(temporary, "missing"));
    await expect(execute(await palettized(), { mode: "wide" })).rejects.toMatchObject({
      kind: "validation",
      diagnostics: [{ code: "run.disk" }],
    });
  });

  test.each(["SIGKILL", "SIGTERM"] as const)("go when %s ends who asked for them", async (signal) => {
    const script = fileURLToPath(new URL("open-and-wait.mjs", import.meta.url));
    const parent = spawn(process.execPath, [script, await palettized()], { stdio: ["ignore", "pipe", "inherit"] });
    await once(parent.stdout, "data");
    expect(decodedFiles()).toHaveLength(1);
    parent.kill(signal);
    await isGone();
  });

  test("go when a terminal interrupts all its processes", async () => {
    const script = fileURLToPath(new URL("open-and-wait.mjs", import.meta.url));
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const parent = spawn(process.execPath, [script, await palettized()], { stdio: [...stdio], detached: true });
    await once(parent.stdout as NonNullable<typeof parent.stdout>, "data");
    expect(decodedFiles()).toHaveLength(1);
    process.kill(-(parent.pid as number), "SIGINT");
    await isGone();
  });
});

test("a spill file does not follow what stands at its place", () => {
  const path = join(temporary, "taken");
  writeFileSync(path, "mine");
  const spill = new Spill(path);
  expect(() => spill.place(tensorOf("fp32", [2], [1, 2], "t"))).toThrow(/EEXIST/);
});

test("a temporary file that was never made is removed too, and once", () => {
  const file = new TemporaryFile();
  expect(existsSync(file.path)).toBe(false);
  file.remove();
  file.remove();
  expect(process.listenerCount("exit")).toBeLessThan(10);
});
