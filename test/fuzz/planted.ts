import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../../src/diagnostics.ts";
import type { End } from "./judge.ts";
import type { Kind, Use } from "./kind.ts";

const FILE = "config.json";
/** In a second. */
const MICROSECONDS = 1e6;

/** Kinds whose files are sound and whose use goes wrong: what the fuzzer must notice. */
const misbehaviours: Readonly<Record<string, (use: Use) => unknown>> = {
  "planted-crash": () => process.abort(),
  "planted-exit": () => process.exit(3),
  "planted-hang": () => {
    // As deaf as an endless loop, and cheaper.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
  "planted-slowness": () => {
    const started = process.cpuUsage();
    let spent = 0;
    while (spent < 0.4 * MICROSECONDS) {
      const { user, system } = process.cpuUsage(started);
      spent = user + system;
    }
  },
  "planted-growth": () => Buffer.alloc(400 << 20, 1).length,
  "planted-heap": () => {
    for (const all: number[][] = []; ; ) all.push(Array<number>(1e6).fill(0.5));
  },
  "planted-type-error": async ({ judge }) => judge.endOf("convert", () => (undefined as unknown as string).length),
  "planted-internal": async ({ judge }) => judge.endOf("convert", () => fail("internal", "tensor.size", "2 values")),
  "planted-late-error": () =>
    new Promise((done) => {
      setTimeout(() => {
        throw new Error("nobody waits for this");
      }, 1);
      setTimeout(done, 50);
    }),
  "planted-half-output": ({ sandbox, judge, before }) => {
    mkdirSync(join(sandbox.output, ".coreml-export-left"), { recursive: true });
    if (!sandbox.isUntouched(before)) judge.bug("half output");
  },
  "planted-read-outside": ({ sandbox }) => readFileSync(join(sandbox.given, "../outside/config.json")),
  "planted-write-outside": ({ sandbox }) => writeFileSync(join(sandbox.outside, "more"), ""),
  "planted-write-beside": ({ sandbox }) => mkdirSync(join(sandbox.root, "more")),
  "planted-change": ({ sandbox }) => writeFileSync(join(sandbox.given, "more"), ""),
};

export const planted: Readonly<Record<string, Kind>> = Object.fromEntries(
  Object.entries(misbehaviours).map(([name, misbehave]) => {
    const use = async (_: unknown, use: Use): Promise<End> => {
      await misbehave(use);
      return { kind: "success", code: "planted" };
    };
    const subject = { name: "sound", files: new Map([[FILE, Buffer.from("{}")]]) };
    return [name, { file: FILE, subject: () => subject, mutate: (bytes) => bytes, executed: 0, use } satisfies Kind];
  }),
);
