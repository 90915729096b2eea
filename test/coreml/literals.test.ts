import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import type { WireBlock, WireModel, WireValue } from "../../src/coreml/wire.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { openSession } from "../../src/run/session.ts";
import { callsOf, cases, compared } from "../ops/corpus.ts";
import { copied, corpus, readMessage, testFolder, WEIGHTS, writeMessage } from "./files.ts";

const folder = testFolder();

/** Binds every constant where it is used and takes the `const` operations away, as other writers do. */
function bindInPlace(message: WireModel): { readonly immediate: number; readonly blob: number } {
  const counts = { immediate: 0, blob: 0 };
  const visit = (block: WireBlock, outer: ReadonlyMap<string, WireValue>): void => {
    const values = new Map(outer);
    for (const o of block.operations ?? []) {
      const [name, value] = [o.outputs?.[0]?.name, o.attributes?.val];
      if (o.type === "const" && name && value) values.set(name, { ...value, type: o.outputs?.[0]?.type ?? {} });
      for (const b of o.blocks ?? []) visit(b, values);
      for (const { arguments: bindings } of Object.values(o.inputs ?? {})) {
        for (const binding of bindings ?? []) {
          const bound = values.get(binding.name ?? "");
          if (!bound) continue;
          delete binding.name;
          binding.value = bound;
          counts[bound.blobFileValue ? "blob" : "immediate"]++;
        }
      }
    }
    // A block may give a constant itself.
    const given = new Set(block.outputs);
    block.operations = (block.operations ?? []).filter(
      (o) => o.type !== "const" || given.has(o.outputs?.[0]?.name ?? ""),
    );
  };
  for (const f of Object.values(message.mlProgram?.functions ?? {})) {
    for (const b of Object.values(f.blockSpecializations ?? {})) visit(b, new Map());
  }
  return counts;
}

/** Blobs bound in place stand in the order of an operation's parameters, those of `const` operations in theirs. */
const withoutOffsets = (message: WireModel): unknown =>
  JSON.parse(JSON.stringify(message, (key, value) => (key === "offset" ? undefined : value)));

/** As its header says. */
const blobCount = (path: string): number => (existsSync(path) ? readFileSync(path).readUInt32LE(0) : 0);

const packages = [
  "linear",
  "conv",
  "cond",
  "while_loop",
  "concat",
  "gather",
  "slice_by_index",
  "layer_norm",
  "constexpr_lut_to_dense",
  "constexpr_blockwise_shift_scale",
  "classify",
  "models",
];

test.each(packages)(
  "%s: constants bound in place are read, run to the same numbers and written in place again",
  async (op) => {
    let [blobs, immediates] = [0, 0];
    for (const c of cases.filter((x) => x.op === op)) {
      const path = copied(join(corpus, c.package), join(folder, "literal.mlpackage"));
      const message = readMessage(path);
      const counts = bindInPlace(message);
      blobs += counts.blob;
      immediates += counts.immediate;
      writeMessage(path, message);

      const again = join(folder, `${c.op}_${c.case}.mlpackage`);
      {
        using model = readPackage(path, ops);
        await writePackage(again, model, ops);
      }
      expect(withoutOffsets(readMessage(again)), `${c.case}: specification`).toEqual(withoutOffsets(readMessage(path)));
      expect(blobCount(join(again, WEIGHTS))).toBe(blobCount(join(path, WEIGHTS)));

      for (const [n, name] of (c.functions ?? [undefined]).entries()) {
        const session = await openSession(path, { mode: "rounded", ...(name ? { function: name } : {}) });
        const calls = callsOf(c);
        for (const call of c.functions ? calls.slice(n, n + 1) : calls) {
          const { outputs } = await session.run(call.inputs);
          for (const [key, expected] of Object.entries(call.outputs)) {
            const actual = outputs[key] ?? Object.values(outputs)[0];
            if (!actual) throw new Error(`no output ${key}`);
            const { error, allowed } = compared(actual, expected, c.precision);
            expect(error, `${c.case}: ${key}`).toBeLessThanOrEqual(allowed);
          }
        }
      }
    }
    expect(immediates).toBeGreaterThan(0);
    if (op === "linear" || op === "conv" || op === "models") expect(blobs).toBeGreaterThan(0);
  },
);
