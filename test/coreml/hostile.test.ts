import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import type { WireBlock, WireFunction, WireModel, WireOperation } from "../../src/coreml/wire.ts";
import { ops } from "../../src/mil/ops/index.ts";
import {
  copied,
  corpus,
  MANIFEST,
  MODEL,
  problemsOf,
  readMessage,
  testFolder,
  WEIGHTS,
  writeMessage,
} from "./files.ts";

const folder = testFolder();
const source = join(corpus, "models/optional_input_ios15_fp32.mlpackage");
const fresh = (): string => copied(source, join(folder, "p.mlpackage"));

/** Code and message of the only problem. */
function refusalOf(path: string): string {
  const problems = problemsOf(path);
  expect(problems.length, JSON.stringify(problems)).toBeLessThanOrEqual(1);
  return problems[0] ? `${problems[0].code}: ${problems[0].message}` : "read";
}

test("the package that the others are broken from is sound", () => {
  expect(refusalOf(fresh())).toBe("read");
});

describe("the manifest", () => {
  const entry = (path: unknown): object => ({
    fileFormatVersion: "1.0.0",
    rootModelIdentifier: "m",
    itemInfoEntries: { m: { author: "com.apple.CoreML", name: "model.mlmodel", path } },
  });
  const good = "com.apple.CoreML/model.mlmodel";
  test.each<[string, unknown, RegExp]>([
    ["up and out", entry("../../outside.mlmodel"), /package.manifest: path '.*' leads out of the package/],
    ["down, up and out", entry(`com.apple.CoreML/../../../outside.mlmodel`), /leads out of the package/],
    ["with the other slash", entry("..\\..\\outside.mlmodel"), /leads out of the package/],
    ["absolute", entry("/etc/hostname"), /leads out of the package/],
    ["no string", entry(7), /package.manifest: entry m has no path/],
    ["empty", entry(""), /has no path/],
    [
      "nothing there",
      entry("com.apple.CoreML/other.mlmodel"),
      /package.model: the manifest names a model that is missing/,
    ],
    ["a folder", entry("com.apple.CoreML"), /package.file: is no regular file/],
    ["the package's data", entry("."), /package.file: is no regular file/],
    ["too long a name", entry("a".repeat(5000)), /package.model/],
    ["a NUL in the name", entry("a\u0000b"), /package.model/],
    ["an array", [], /package.manifest: no rootModelIdentifier/],
    ["null", null, /no rootModelIdentifier/],
    ["a root without an entry", { ...entry(good), rootModelIdentifier: "n" }, /entry n has no path/],
    [
      "a root every object has",
      { ...entry(good), rootModelIdentifier: "constructor" },
      /entry constructor has no path/,
    ],
  ])("%s", (_, manifest, expected) => {
    const path = fresh();
    writeFileSync(join(folder, "outside.mlmodel"), "never read");
    writeFileSync(join(path, MANIFEST), JSON.stringify(manifest));
    expect(refusalOf(path)).toMatch(expected);
  });

  test("no JSON, missing, huge, a folder", () => {
    const path = fresh();
    writeFileSync(join(path, MANIFEST), "{");
    expect(refusalOf(path)).toMatch(/package.manifest: is no JSON/);
    writeFileSync(join(path, MANIFEST), Buffer.alloc((1 << 20) + 1, " "));
    expect(refusalOf(path)).toMatch(/package.manifest: is larger than/);
    writeFileSync(join(path, MANIFEST), `${"[".repeat(500_000)}`);
    expect(refusalOf(path)).toMatch(/package.manifest: is no JSON/);
    rmSync(join(path, MANIFEST));
    expect(refusalOf(path)).toMatch(/package.manifest: has no Manifest.json/);
    mkdirSync(join(path, MANIFEST));
    expect(refusalOf(path)).toMatch(/package.file: is no regular file/);
    expect(refusalOf(join(folder, "nowhere.mlpackage"))).toBe("package.missing: no such package");
    writeFileSync(join(folder, "bare.mlmodel"), "");
    expect(refusalOf(join(folder, "bare.mlmodel"))).toMatch(/package.kind: holds no ML Program/);
  });
});

describe("links and pipes", () => {
  /** Moves a file out of the package and leaves a link in its place. */
  const linkedOut = (file: string): string => {
    const path = fresh();
    const outside = join(folder, "outside");
    rmSync(outside, { recursive: true, force: true });
    renameSync(join(path, file), outside);
    symlinkSync(outside, join(path, file));
    return path;
  };
  test.each([MANIFEST, MODEL, WEIGHTS, dirname(WEIGHTS), "Data"])("%s is a link to the outside", (file) => {
    expect(refusalOf(linkedOut(file))).toMatch(/package.escape: leads out of the package/);
  });
  test("a neighbour whose name begins alike is outside, too", () => {
    const path = fresh();
    const beside = `${path}-beside`;
    rmSync(beside, { recursive: true, force: true });
    renameSync(join(path, "Data"), beside);
    symlinkSync(beside, join(path, "Data"));
    expect(refusalOf(path)).toMatch(/package.escape/);
  });
  test("a link inside the package, or to the whole package, is followed", () => {
    const path = fresh();
    renameSync(join(path, WEIGHTS), join(path, "w"));
    symlinkSync(join(path, "w"), join(path, WEIGHTS));
    expect(refusalOf(path)).toBe("read");
    const link = join(folder, "link.mlpackage");
    symlinkSync(path, link);
    expect(refusalOf(link)).toBe("read");
  });
  test("a link that leads nowhere or to itself", () => {
    const path = fresh();
    rmSync(join(path, WEIGHTS));
    symlinkSync(join(path, "nowhere"), join(path, WEIGHTS));
    expect(refusalOf(path)).toMatch(/package.weights: the weight file is missing/);
    rmSync(join(path, WEIGHTS));
    symlinkSync(join(path, WEIGHTS), join(path, WEIGHTS));
    expect(refusalOf(path)).toMatch(/package.weights: the weight file is missing/);
  });
  test.skipIf(process.platform === "win32").each([MANIFEST, MODEL, WEIGHTS])(
    "%s is a pipe that nobody writes to",
    (file) => {
      const path = fresh();
      rmSync(join(path, file));
      execFileSync("mkfifo", [join(path, file)]);
      expect(refusalOf(path)).toMatch(/package.file: is no regular file/);
    },
  );
});

type Change = (message: WireModel) => unknown;
const main = (m: WireModel): WireFunction => m.mlProgram?.functions?.main as WireFunction;
const blockOf = (m: WireModel): WireBlock => Object.values(main(m).blockSpecializations ?? {})[0] as WireBlock;
const opOf = (m: WireModel, type: string): WireOperation =>
  blockOf(m).operations?.find((o) => o.type === type) as WireOperation;
const blobOp = (m: WireModel): WireOperation =>
  blockOf(m).operations?.find((o) => o.attributes?.val?.blobFileValue) as WireOperation;
const tensorTypeOf = (o: WireOperation) => o.outputs?.[0]?.type?.tensorType ?? {};

describe("the specification", () => {
  test.each<[string, Change, RegExp]>([
    ["a NeuralNetwork", (m) => swap(m, "neuralNetwork"), /package.kind: is a NeuralNetwork, not an ML Program/],
    ["a classifier", (m) => swap(m, "neuralNetworkClassifier"), /is a NeuralNetwork classifier/],
    ["a regressor", (m) => swap(m, "neuralNetworkRegressor"), /is a NeuralNetwork regressor/],
    ["a pipeline", (m) => swap(m, "pipeline"), /is a pipeline, not/],
    ["a pipeline classifier", (m) => swap(m, "pipelineClassifier"), /is a pipeline classifier/],
    ["a custom model", (m) => swap(m, "customModel"), /is a custom model/],
    ["nothing", (m) => delete m.mlProgram, /package.kind: holds no ML Program/],
    [
      "a version below",
      (m) => Object.assign(m, { specificationVersion: 5 }),
      /package.version: specification version 5, expected 6 to 10/,
    ],
    ["a version above", (m) => Object.assign(m, { specificationVersion: 99 }), /specification version 99/],
    ["another program version", (m) => Object.assign(m.mlProgram as object, { version: 2 }), /program version 2/],
    ["no function", (m) => Object.assign(m.mlProgram as object, { functions: {} }), /no function/],
    [
      "an opset of the future",
      (m) => Object.assign(main(m), { opset: "CoreML99" }),
      /package.opset: opset 'CoreML99' is unknown/,
    ],
    ["an opset without a block", (m) => Object.assign(main(m), { opset: "CoreML7" }), /no block for opset CoreML7/],
    [
      "an unknown operation",
      (m) => Object.assign(opOf(m, "tanh"), { type: "warp" }),
      /op.unknown: operation 'warp' has no row/,
    ],
    [
      "an operation every object has",
      (m) => Object.assign(opOf(m, "tanh"), { type: "toString" }),
      /'toString' has no row/,
    ],
    [
      "an operation too new",
      (m) => Object.assign(opOf(m, "tanh"), { type: "scaled_dot_product_attention" }),
      /needs iOS18/,
    ],
    [
      "an unknown parameter",
      (m) => Object.assign(opOf(m, "tanh").inputs as object, { y: opOf(m, "tanh").inputs?.x ?? {} }),
      /has no parameter 'y'/,
    ],
    ["a missing parameter", (m) => Object.assign(opOf(m, "tanh"), { inputs: {} }), /parameter 'x' is missing/],
    [
      "a name nobody defines",
      (m) => Object.assign(opOf(m, "tanh").inputs?.x?.arguments?.[0] ?? {}, { name: "ghost" }),
      /'ghost' is used before it is defined/,
    ],
    [
      "an output nobody defines",
      (m) => Object.assign(blockOf(m), { outputs: ["ghost"] }),
      /'ghost' is used before it is defined/,
    ],
    [
      "an output of another name",
      (m) => Object.assign(blockOf(m), { outputs: ["x"] }),
      /the function has no output 'y'/,
    ],
    ["an input without a description", (m) => m.description?.input?.pop(), /input 'bias' has no description/],
    [
      "an input described larger than it is",
      (m) => Object.assign(m.description?.input?.[0]?.type?.multiArrayType ?? {}, { shape: [3, 4] }),
      /package.interface: input 'x' is described as \[3, 4\], the function takes \[2, 6\]/,
    ],
    [
      "an input described with another rank",
      (m) => Object.assign(m.description?.input?.[0]?.type?.multiArrayType ?? {}, { shape: [2, 4, 1] }),
      /package.interface: input 'x' is described as \[2, 4, 1\]/,
    ],
    [
      "a description without an input",
      (m) => m.description?.input?.push({ ...m.description.input[0], name: "more" }),
      /the function has no input 'more'/,
    ],
    [
      "a feature of no type",
      (m) => delete m.description?.input?.[0]?.type,
      /package.interface: feature 'x' has no type/,
    ],
    [
      "a sequence",
      (m) => Object.assign(m.description?.input?.[0] ?? {}, { type: { sequenceType: {} } }),
      /feature 'x' is of a type no ML Program has/,
    ],
    [
      "an array of an unknown type",
      (m) => Object.assign(m.description?.input?.[0]?.type?.multiArrayType ?? {}, { dataType: 7 }),
      /feature 'x' has array dtype 7/,
    ],
    [
      "a result of another shape",
      (m) =>
        Object.assign(tensorTypeOf(opOf(m, "tanh")), {
          dimensions: [{ constant: { size: 4 } }, { constant: { size: 4 } }],
        }),
      /op.type: .*declared tensor<fp32, \[4, 4\]>, inferred tensor<fp32, \[2, 4\]>/,
    ],
    [
      "a rank that is not the number of dimensions",
      (m) => Object.assign(tensorTypeOf(opOf(m, "tanh")), { rank: 3 }),
      /package.type: rank 3 with 2 dimensions/,
    ],
    [
      "an unknown element type",
      (m) => Object.assign(tensorTypeOf(opOf(m, "tanh")), { dataType: 999 }),
      /element type 999 is unknown/,
    ],
    [
      "a constant of unknown shape",
      (m) => Object.assign(tensorTypeOf(blobOp(m)), { dimensions: [{ unknown: {} }, { constant: { size: 6 } }] }),
      /a constant of unknown shape/,
    ],
    [
      "a constant larger than memory",
      (m) =>
        Object.assign(tensorTypeOf(blobOp(m)), {
          dimensions: [{ constant: { size: 2 ** 40 } }, { constant: { size: 6 } }],
        }),
      /package.weights: blob at 64 has 96 bytes/,
    ],
    [
      "a constant larger than numbers",
      (m) =>
        Object.assign(tensorTypeOf(blobOp(m)), {
          dimensions: [{ constant: { size: 2 ** 53 } }, { constant: { size: 2 ** 53 } }],
        }),
      /package.number: integer .* is out of range/,
    ],
    [
      "an immediate value of another size",
      (m) => Object.assign(immediate(m), { dimensions: [{ constant: { size: 2 ** 40 } }] }),
      /4 values for fp32 \[1099511627776\]/,
    ],
    [
      "an immediate value that its type does not hold",
      (m) => Object.assign(immediate(m), { dataType: 32 }),
      /package.value: .*the value .* for uint16/,
    ],
    ["a constant without a value", (m) => Object.assign(blobOp(m), { attributes: {} }), /a const without a value/],
    ["a blob beyond the file", (m) => blob(m, { offset: 64000 }), /bytes 64000 to 64064 of 224/],
    ["a blob at the payload", (m) => blob(m, { offset: 128 }), /package.weights: no blob at offset 128/],
    ["a blob between", (m) => blob(m, { offset: 65 }), /no multiple of 64/],
    [
      "a blob in another file",
      (m) => blob(m, { fileName: "@model_path/../../secret" }),
      /package.weights: the weight file is missing/,
    ],
    [
      "a blob in a file of another name",
      (m) => blob(m, { fileName: "@model_path/weights/other.bin" }),
      /package.weights: the weight file is missing/,
    ],
  ])("%s", (_, change, expected) => {
    const path = fresh();
    const message = readMessage(path);
    change(message);
    writeMessage(path, message);
    expect(refusalOf(path)).toMatch(expected);
  });

  test("is empty, cut, or no protobuf", () => {
    const path = fresh();
    writeFileSync(join(path, MODEL), "");
    expect(refusalOf(path)).toMatch(/package.kind: holds no ML Program/);
    writeFileSync(join(path, MODEL), Buffer.alloc(64, 0xff));
    expect(refusalOf(path)).toMatch(/package.model: is no Core ML model/);
    writeFileSync(join(path, MODEL), "version https://git-lfs.github.com/spec/v1");
    expect(refusalOf(path)).toMatch(/package.model: is no Core ML model/);
  });

  test("nests a hundred thousand messages deep", () => {
    const path = fresh();
    // Block in operation in block: field 4 of an operation, field 3 of a block, lengths of five bytes.
    let bytes: Buffer = Buffer.alloc(0);
    const wrap = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag]), varint(body.length), body]);
    const depth = 3000;
    for (let i = 0; i < depth; i++) bytes = wrap(0x1a, wrap(0x22, bytes));
    const entry = (key: string, value: Buffer): Buffer =>
      Buffer.concat([wrap(0x0a, Buffer.from(key)), wrap(0x12, value)]);
    const f = Buffer.concat([wrap(0x12, Buffer.from("CoreML5")), wrap(0x1a, entry("CoreML5", bytes))]);
    const program = Buffer.concat([Buffer.from([0x08, 1]), wrap(0x12, entry("main", f))]);
    writeFileSync(
      join(path, MODEL),
      Buffer.concat([Buffer.from([0x08, 6, 0xb2, 0x1f]), varint(program.length), program]),
    );
    expect(refusalOf(path)).toMatch(/package.model: is no Core ML model|blocks nest deeper/);
  });

  test("nests blocks deeper than programs do", () => {
    const path = copied(join(corpus, "cond/nested_ios15_fp32.mlpackage"), join(folder, "deep.mlpackage"));
    const message = readMessage(path);
    const cond = opOf(message, "cond");
    let depth = 0;
    for (let at: WireOperation | undefined = cond; at && depth < 40; depth++) {
      const next: WireOperation = { ...structuredClone({ ...cond, blocks: [] }), blocks: [{ operations: [] }] };
      at.blocks = [{ operations: [next] }];
      at = next;
    }
    writeMessage(path, message);
    expect(refusalOf(path)).toMatch(/blocks nest deeper than 32|is no Core ML model: max depth/);
  });
});

describe("the weight file", () => {
  test("missing, empty, a folder", () => {
    const path = fresh();
    rmSync(join(path, WEIGHTS));
    expect(refusalOf(path)).toMatch(/package.weights: the weight file is missing/);
    writeFileSync(join(path, WEIGHTS), "");
    expect(refusalOf(path)).toMatch(/package.weights: bytes 0 to 64 of 0/);
    rmSync(join(path, WEIGHTS));
    mkdirSync(join(path, WEIGHTS));
    expect(refusalOf(path)).toMatch(/package.file: is no regular file/);
  });
});

test("no description, however large, makes reading ask for memory", () => {
  const path = fresh();
  const message = readMessage(path);
  const huge = 2 ** 40;
  const array = message.description?.input?.[0]?.type?.multiArrayType ?? {};
  array.shape = [huge, 6];
  for (const v of [main(message).inputs?.[0]?.type?.tensorType, tensorTypeOf(opOf(message, "linear"))])
    (v as { dimensions: object[] }).dimensions[0] = { constant: { size: huge } };
  for (const o of blockOf(message).operations?.slice(-2) ?? [])
    (tensorTypeOf(o).dimensions as object[])[0] = { constant: { size: huge } };
  writeMessage(path, message);
  const before = process.memoryUsage().rss;
  readPackage(path, ops).close();
  expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
});

function swap(m: WireModel, kind: string): void {
  delete m.mlProgram;
  m[kind] = {};
}

const blob = (m: WireModel, to: object): void => {
  Object.assign(blobOp(m).attributes?.val?.blobFileValue ?? {}, to);
};

function immediate(m: WireModel): { dimensions?: object[] } {
  const bias = opOf(m, "linear").inputs?.bias?.arguments?.[0]?.name;
  return tensorTypeOf(blockOf(m).operations?.find((o) => o.outputs?.[0]?.name === bias) as WireOperation);
}

function varint(n: number): Buffer {
  const bytes: number[] = [];
  for (let rest = n; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) + 128 : rest);
    if (rest < 128) return Buffer.from(bytes);
  }
}
