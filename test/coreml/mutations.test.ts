import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import { encodeModel } from "../../src/coreml/write-package.ts";
import { ConversionError } from "../../src/diagnostics.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { print } from "../../src/mil/print.ts";
import { lower } from "../../src/run/lower.ts";
import { seededRandom } from "../mil/seeded-random.ts";
import { copied, corpus, MANIFEST, MODEL, readMessage, testFolder, WEIGHTS, writeMessage } from "./files.ts";

const folder = testFolder();
const COUNT = 300;
/** Milliseconds. A sound package takes some ten. */
const SLOW = 2000;

const packages = [
  "models/stateful_decoder_ios18_fp16",
  "models/functions_ios18_fp32",
  "constexpr_lut_to_dense/4bit_blocks_ios18_fp16",
  "cond/nested_ios17_fp16",
  "while_loop/double_ios17_fp16",
];

/** Everything that is done with a package before it runs. */
function use(path: string): void {
  using model = readPackage(path, ops);
  print(model.program);
  encodeModel(model, ops);
  for (const [name, f] of model.program.functions) {
    const described = model.interfaces.get(name);
    if (described) lower(f, described, ops, { mode: "rounded" });
  }
}

/** How using the package ends; anything but success or a `ConversionError` is thrown, with what was done to it. */
function endOf(path: string, what: string): "used" | "refused" {
  const begin = performance.now();
  try {
    use(path);
    return "used";
  } catch (cause) {
    if (cause instanceof ConversionError) {
      expect(cause.message, what).not.toMatch(/Maximum call stack|undefined/);
      return "refused";
    }
    throw new Error(`${what}: ${cause}`, { cause });
  } finally {
    expect(performance.now() - begin, `${what}: milliseconds`).toBeLessThan(SLOW);
  }
}

/** A file with a few bytes changed, cut, doubled or put in. */
function mutated(bytes: Buffer, pick: () => number): Buffer {
  const at = (n: number): number => Math.floor(pick() * n);
  let result = Buffer.from(bytes);
  for (let i = at(3); i >= 0; i--) {
    const [from, size] = [at(result.length), 1 + at(8)];
    switch (at(6)) {
      case 0:
        if (result.length > 0) result[from] = at(256);
        break;
      case 1:
        if (result.length > 0) result[from] = (result[from] as number) ^ (1 << at(8));
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, from), result.subarray(from + size)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, from + size), result.subarray(from)]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, from), Buffer.alloc(size, 0xff), result.subarray(from + size)]);
        break;
      default:
        if (at(4) === 0) result = result.subarray(0, from);
    }
  }
  return result;
}

const files = [MANIFEST, MODEL, WEIGHTS] as const;
const targets = packages.flatMap((name, seed) =>
  files
    .filter((file) => existsSync(join(corpus, `${name}.mlpackage`, file)))
    .map((file) => ({ name, file, seed: seed * 8 + files.indexOf(file) })),
);

test.each(targets)("bytes of $file in $name", ({ name, file, seed }) => {
  const path = copied(join(corpus, `${name}.mlpackage`), join(folder, "m.mlpackage"));
  const original = readFileSync(join(path, file));
  expect(endOf(path, "unchanged")).toBe("used");
  const pick = seededRandom(seed);
  const ends = { used: 0, refused: 0 };
  for (let i = 0; i < COUNT; i++) {
    writeFileSync(join(path, file), mutated(original, pick));
    ends[endOf(path, `mutation ${i}`)]++;
  }
  // The contents of a weight file are data; all else is read closely.
  if (file !== WEIGHTS) expect(ends.refused).toBeGreaterThan(COUNT / 5);
});

type Place = { readonly holder: Record<string, unknown>; readonly key: string };

/** Every field of a message and of those inside it. */
function places(node: unknown): Place[] {
  if (typeof node !== "object" || node === null || node instanceof Uint8Array) return [];
  const holder = node as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...places(holder[key])]);
}

const NUMBERS = [0, 1, 2, 3, 5, 7, 64, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 2, -1, -3, 1024];
const STRINGS = [
  "",
  "x",
  "y",
  "__proto__",
  "constructor",
  "const",
  "relu",
  "reshape",
  "CoreML7",
  "é ",
  "a".repeat(300),
];

/** Changes one field of the message: a number, a string, what is missing, or what stands in the place of another. */
function change(message: object, pick: () => number): string {
  const all = places(message);
  const one = <T>(list: readonly T[]): T => list[Math.floor(pick() * list.length)] as T;
  const { holder, key } = one(all);
  const value = holder[key];
  if (pick() < 0.2) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return `without ${key}`;
  }
  if (typeof value === "number") holder[key] = one(NUMBERS);
  else if (typeof value === "string") {
    holder[key] =
      pick() < 0.5 ? one(STRINGS) : one(all.map((p) => p.holder[p.key]).filter((v) => typeof v === "string"));
  } else if (typeof value === "boolean") holder[key] = !value;
  else if (value instanceof Uint8Array) holder[key] = value.subarray(0, value.length - 1);
  else {
    const other = one(all.filter((p) => p.key === key)).holder[key];
    // No message may hold itself.
    holder[key] = structuredClone(other);
  }
  return `${key} = ${JSON.stringify(holder[key])?.slice(0, 200)}`;
}

describe("fields of the message", () => {
  test.each(packages.map((name, seed) => ({ name, seed })))("$name", ({ name, seed }) => {
    const path = copied(join(corpus, `${name}.mlpackage`), join(folder, "f.mlpackage"));
    const original = readMessage(path);
    const pick = seededRandom(100 + seed);
    const ends = { used: 0, refused: 0 };
    for (let i = 0; i < COUNT; i++) {
      const message = structuredClone(original);
      const what = change(message, pick);
      writeMessage(path, message);
      ends[endOf(path, `mutation ${i}: ${what}`)]++;
    }
    expect(ends.refused).toBeGreaterThan(COUNT / 5);
  });
});
