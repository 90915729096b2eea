import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import type { Limits } from "../../src/run/execute.ts";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { executeOnnxFile, type OnnxFileExecution } from "../../src/run/onnx-file/execute.ts";
import { attribute, feature, graph, model, node, tensor } from "./onnx-bytes.ts";

const codeOf = async (running: Promise<unknown>): Promise<string> => {
  try {
    await running;
  } catch (cause) {
    if (cause instanceof ConversionError) return cause.diagnostics.map((d) => d.code).join();
    throw cause;
  }
  return "nothing went wrong";
};

const root = mkdtempSync(join(tmpdir(), "onnx-file-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

const name = "onnx/model.onnx";

/** A folder with these files. */
function folderOf(files: Readonly<Record<string, Uint8Array>>): string {
  const folder = join(root, String(count++), "checkpoint");
  for (const [at, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, at)), { recursive: true });
    writeFileSync(join(folder, at), bytes);
  }
  return folder;
}

const opened = (bytes: Uint8Array, limits: Limits = {}, more: Readonly<Record<string, Uint8Array>> = {}) =>
  executeOnnxFile({ folder: folderOf({ [name]: bytes, ...more }), name }, limits);

/** y = x + 1, of that type. */
const identity = (type: Parameters<typeof feature>[1]): Uint8Array =>
  model({
    nodes: [node("Identity", ["x"], ["y"])],
    inputs: [feature("x", type, ["n", 2])],
    outputs: [feature("y", type, ["n", 2])],
  });

async function once(execution: Promise<OnnxFileExecution>, x: HostTensor): Promise<HostTensor | undefined> {
  const file = await execution;
  try {
    return (await file.run({ x })).y;
  } finally {
    file.close();
  }
}

describe("numbers take the types of the file", () => {
  const whole = hostTensor("int32", [2, 2], [0, 1, 30_000, -2]);
  test.each(["int32", "int64"] as const)("%s", async (type) => {
    expect(await once(opened(identity(type)), whole)).toEqual(whole);
  });
  test("bool", async () => {
    expect(await once(opened(identity("bool")), whole)).toEqual(hostTensor("int32", [2, 2], [0, 1, 1, 1]));
  });
  const real = hostTensor("fp32", [1, 2], [0.1, -65504]);
  test.each(["float32", "float64"] as const)("%s", async (type) => {
    expect(await once(opened(identity(type)), real)).toEqual(real);
  });
  test("float16", async () => {
    const rounded = hostTensor("fp32", [1, 2], [0.0999755859375, -65504]);
    expect(await once(opened(identity("float16")), real)).toEqual(rounded);
  });
  test("others are not guessed", async () => {
    expect(await codeOf(once(opened(identity("uint8")), whole))).toBe("reference.onnx.type");
  });
});

test("the signature says what is fixed and what is not", async () => {
  const bytes = model({
    nodes: [node("Identity", ["x"], ["y"])],
    initializers: [tensor("w", "int8", Float32Array.of(1))],
    inputs: [feature("x", "int64", [1, "length", 7])],
    outputs: [feature("y", "int64", [1, "length", 7])],
  });
  const file = await opened(bytes);
  file.close();
  expect(file.signature).toEqual({
    inputs: [{ name: "x", type: "int64", shape: [1, null, 7] }],
    outputs: [{ name: "y", type: "int64", shape: [1, null, 7] }],
    narrowTypes: ["int8"],
  });
});

/** y = x + w, w lying elsewhere. */
const withData = (place: string): Uint8Array =>
  model({
    nodes: [node("Add", ["x", "w"], ["y"])],
    initializers: [tensor("w", "float32", Float32Array.of(1, 2), place)],
    inputs: [feature("x", "float32", ["n", 2])],
    outputs: [feature("y", "float32", ["n", 2])],
  });
const x = hostTensor("fp32", [1, 2], [10, 20]);
const data = new Uint8Array(Float32Array.of(1, 2).buffer);
const sum = hostTensor("fp32", [1, 2], [11, 22]);

describe("data beside the file", () => {
  test.each(["model.onnx_data", "./model.onnx_data", "weights/a.bin"])("%s is used", async (place) => {
    expect(await once(opened(withData(place), {}, { [join("onnx", place)]: data }), x)).toEqual(sum);
  });

  test("in the Hub's cache both are links to blobs", async () => {
    const repository = join(root, String(count++), "models--org--name");
    const [blobs, snapshot] = [join(repository, "blobs"), join(repository, "snapshots", "a".repeat(40))];
    mkdirSync(blobs, { recursive: true });
    mkdirSync(join(snapshot, "onnx"), { recursive: true });
    writeFileSync(join(blobs, "1"), withData("model.onnx_data"));
    writeFileSync(join(blobs, "2"), data);
    symlinkSync("../../../blobs/1", join(snapshot, name));
    symlinkSync("../../../blobs/2", join(snapshot, "onnx/model.onnx_data"));
    expect(await once(executeOnnxFile({ folder: snapshot, name }, {}), x)).toEqual(sum);
  });

  const outside = ["../model.onnx_data", "../../secret.bin", "/etc/hostname", "C:\\secret.bin", "..\\secret.bin", ""];
  test.each(outside)("%j is refused", async (place) => {
    const folder = folderOf({ [name]: withData(place), "model.onnx_data": data });
    writeFileSync(join(folder, "..", "secret.bin"), data);
    await expect(executeOnnxFile({ folder, name }, {})).rejects.toMatchObject({
      diagnostics: [
        { code: "reference.onnx.external", path: name, message: expect.stringContaining("leads out of its folder") },
      ],
    });
  });

  test("a link that leads out is refused", async () => {
    const folder = folderOf({ [name]: withData("link.bin") });
    writeFileSync(join(folder, "..", "secret.bin"), data);
    symlinkSync("../../secret.bin", join(folder, "onnx", "link.bin"));
    expect(await codeOf(executeOnnxFile({ folder, name }, {}))).toBe("reference.onnx.external");
  });

  test("in a constant inside a branch it is refused too", async () => {
    const value = attribute.tensor("value", tensor("w", "float32", Float32Array.of(1, 2), "../secret.bin"));
    const branch = graph({ nodes: [node("Constant", [], ["b"], [value])], outputs: [feature("b", "float32", [2])] });
    const bytes = model({
      nodes: [
        node("If", ["x"], ["y"], [attribute.graph("then_branch", branch), attribute.graph("else_branch", branch)]),
      ],
      inputs: [feature("x", "bool", [1])],
      outputs: [feature("y", "float32", [2])],
    });
    expect(await codeOf(opened(bytes, {}, { "secret.bin": data }))).toBe("reference.onnx.external");
  });

  test("what is not there is named", async () => {
    await expect(opened(withData("model.onnx_data"))).rejects.toMatchObject({
      diagnostics: [
        { code: "reference.onnx.external", message: 'keeps data in "model.onnx_data", which is not there' },
      ],
    });
  });

  test("a memory address is no place", async () => {
    expect(await codeOf(opened(withData("*/_ORT_MEM_ADDR_/*")))).toBe("reference.onnx.external");
  });

  test("too little of it is an error", async () => {
    expect(await codeOf(opened(withData("w.bin"), {}, { "onnx/w.bin": data.subarray(0, 4) }))).toBe(
      "reference.onnx.load",
    );
  });
});

describe("what cannot be run", () => {
  test("an operator of somebody's own is refused, without a local path", async () => {
    const bytes = model({
      nodes: [node("Steal", ["x"], ["y"], [], "com.example")],
      inputs: [feature("x", "float32", ["n", 2])],
      outputs: [feature("y", "float32", ["n", 2])],
    });
    const written = vi.spyOn(process.stderr, "write");
    await expect(opened(bytes)).rejects.toMatchObject({
      diagnostics: [
        {
          code: "reference.onnx.load",
          path: name,
          message: expect.stringMatching(/^(?!.*checkpoint\/).*com\.example/s),
        },
      ],
    });
    expect(written).not.toHaveBeenCalled();
  });

  /** Counts to `x`, one at a time. */
  const counting = (): Uint8Array => {
    const body = graph({
      nodes: [node("Identity", ["go"], ["on"]), node("Add", ["before", "one"], ["after"])],
      inputs: [feature("i", "int64", []), feature("go", "bool", []), feature("before", "int64", [1])],
      outputs: [feature("on", "bool", []), feature("after", "int64", [1])],
    });
    return model({
      nodes: [node("Loop", ["x", "", "zero"], ["y"], [attribute.graph("body", body)])],
      initializers: [tensor("zero", "int64", BigInt64Array.of(0n)), tensor("one", "int64", BigInt64Array.of(1n))],
      inputs: [feature("x", "int64", [1])],
      outputs: [feature("y", "int64", [1])],
    });
  };

  test("a loop without end is ended by the time limit", async () => {
    expect(await once(opened(counting()), hostTensor("int32", [1], [5]))).toEqual(hostTensor("int32", [1], [5]));
    const endless = opened(counting(), { timeLimit: 2 });
    expect(await codeOf(once(endless, hostTensor("int32", [1], [2 ** 31 - 1])))).toBe("run.time");
  });

  test("a caller's signal stops it", async () => {
    const controller = new AbortController();
    const file = await opened(counting(), { signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 100);
    await expect(file.run({ x: hostTensor("int32", [1], [2 ** 31 - 1]) })).rejects.toBe(reason);
  });

  test("more memory than there is, is an error and not the end of the caller", async () => {
    const bytes = model({
      nodes: [node("ConstantOfShape", ["x"], ["y"])],
      inputs: [feature("x", "int64", [2])],
      outputs: [feature("y", "float32", ["n", "m"])],
    });
    const x = hostTensor("int32", [2], [2 ** 30, 2 ** 30]);
    expect(await codeOf(once(opened(bytes), x))).toMatch(/^(reference\.onnx\.run|run\.crash)$/);
  });

  test("a call of another shape is an error that says so, and the next call runs", async () => {
    const file = await opened(identity("float32"));
    const wrong = file.run({ x: hostTensor("fp32", [1, 3], [1, 2, 3]) });
    await expect(wrong).rejects.toMatchObject({ diagnostics: [{ code: "reference.onnx.run", path: name }] });
    expect((await file.run({ x })).y).toEqual(x);
    file.close();
  });

  test("no file at all", async () => {
    expect(await codeOf(executeOnnxFile({ folder: folderOf({ "config.json": data }), name }, {}))).toBe(
      "reference.onnx.missing",
    );
  });
});
