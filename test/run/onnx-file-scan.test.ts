import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { scanOnnxFile } from "../../src/run/onnx-file/scan.ts";
import { onnxFile } from "../validate/onnx-models.ts";
import { attribute, elementTypes, graph, int, joined, model, node, sized, tensor } from "./onnx-bytes.ts";

const folder = mkdtempSync(join(tmpdir(), "onnx-scan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function scanned(bytes: Uint8Array) {
  const path = join(folder, "model.onnx");
  writeFileSync(path, bytes);
  return scanOnnxFile(path, "onnx/model.onnx");
}

const one = Float32Array.of(1);
const away = tensor("away", "float32", one, "elsewhere.bin");
const constant = node("Constant", [], ["c"], [attribute.tensor("value", away)]);

describe("external data is found", () => {
  test.each([
    ["of an initializer", model({ initializers: [away] })],
    ["of a constant", model({ nodes: [constant] })],
    [
      "in a branch of a branch",
      model({
        nodes: [
          node(
            "If",
            ["x"],
            ["y"],
            [
              attribute.graph(
                "then_branch",
                graph({
                  nodes: [node("If", ["x"], ["y"], [attribute.graph("then_branch", graph({ nodes: [constant] }))])],
                }),
              ),
            ],
          ),
        ],
      }),
    ],
    ["in a list of tensors", model({ nodes: [node("Any", [], ["c"], [joined(sized(1, "many"), sized(10, away))])] })],
    [
      "in a list of graphs",
      model({ nodes: [node("Any", [], ["c"], [joined(sized(1, "many"), sized(11, graph({ nodes: [constant] })))])] }),
    ],
    ["of a sparse initializer", joined(int(1, 8), sized(7, sized(15, sized(1, away))))],
    [
      "of a sparse constant",
      model({ nodes: [node("Constant", [], ["c"], [joined(sized(1, "sparse_value"), sized(22, sized(2, away)))])] }),
    ],
    ["in a function", joined(int(1, 8), sized(25, sized(7, constant)))],
    ["in the training part", joined(int(1, 8), sized(20, sized(1, graph({ initializers: [away] }))))],
  ])("%s", (_, bytes) => {
    expect(scanned(bytes).externalLocations).toEqual(["elsewhere.bin"]);
  });

  test("each place once, whatever the order of the fields", () => {
    const entry = sized(13, joined(sized(2, "b.bin"), sized(1, "location")));
    const bytes = model({ initializers: [away, away, joined(entry, int(2, 1))] });
    expect(scanned(bytes).externalLocations).toEqual(["elsewhere.bin", "b.bin"]);
  });
});

test("types of tensors are counted", () => {
  const half = tensor("h", "float16", one);
  const { elementTypes: found, externalLocations } = scanned(model({ initializers: [half, half], nodes: [constant] }));
  expect([...found]).toEqual([
    [elementTypes.float32, 1],
    [elementTypes.float16, 2],
  ]);
  expect(externalLocations).toEqual(["elsewhere.bin"]);
});

test("a file of PyTorch's exporter", () => {
  const { externalLocations, elementTypes: found } = scanOnnxFile(onnxFile("gpt2_text-generation"), "model.onnx");
  expect(externalLocations).toEqual([]);
  expect([...found.keys()].sort((a, b) => a - b)).toEqual(
    expect.arrayContaining([elementTypes.float32, elementTypes.int64]),
  );
});

describe("what is no ONNX file is refused", () => {
  const nested = (depth: number): Uint8Array =>
    depth === 0
      ? graph({})
      : graph({ nodes: [node("If", [], [], [attribute.graph("then_branch", nested(depth - 1))])] });
  const good = model({ initializers: [tensor("w", "float32", Float32Array.from({ length: 50 }))] });
  test.each([
    ["text", new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n")],
    ["a field that ends behind its message", joined(sized(7, sized(5, "", 100)), new Uint8Array(200))],
    ["a field that ends behind the file", sized(7, "", 2 ** 40)],
    ["a number that never ends", Uint8Array.from([8, ...Array(20).fill(255)])],
    ["a file cut off", good.subarray(0, good.length - 30)],
    ["graphs in graphs without end", joined(sized(7, nested(100)))],
    ["a place as long as a book", model({ initializers: [tensor("w", "float32", one, "x".repeat(5000))] })],
    ["a group, which ONNX has none of", Uint8Array.of(0x0b, 0x0c)],
  ])("%s", (_, bytes) => {
    expect(() => scanned(bytes)).toThrow(
      expect.objectContaining({
        diagnostics: [expect.objectContaining({ code: "reference.onnx.malformed", path: "onnx/model.onnx" })],
      }),
    );
  });
});

test("a field that ends too late is refused before it is read", () => {
  const bytes = joined(sized(7, sized(5, "", 100)), new Uint8Array(200));
  expect(() => scanned(bytes)).toThrow("a field of 100 bytes ends behind the message that holds it (at byte 4)");
});

test("a weight of 8 GB is skipped", () => {
  const path = join(folder, "large.onnx");
  const weights = 8 * 2 ** 30;
  const head = sized(9, "", weights);
  const type = int(2, elementTypes.int8);
  const file = openSync(path, "w");
  const initializer = Buffer.from(sized(5, "", type.length + head.length + weights));
  const start = joined(sized(7, "", initializer.length + type.length + head.length + weights), initializer, type, head);
  writeSync(file, start);
  ftruncateSync(file, start.length + weights);
  closeSync(file);
  const before = process.memoryUsage().rss;
  expect([...scanOnnxFile(path, "large.onnx").elementTypes]).toEqual([[elementTypes.int8, 1]]);
  expect(process.memoryUsage().rss - before).toBeLessThan(50 << 20);
});
