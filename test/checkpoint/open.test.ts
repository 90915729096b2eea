import { execFileSync } from "node:child_process";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { diagnosticsOf, inFolder, safetensors, writeFiles } from "./files.ts";

const config = '{"model_type": "bert", "architectures": ["BertForMaskedLM"]}';
/** A file of one-byte tensors with these values. */
function weights(values: Record<string, number>, format = "pt"): Buffer {
  const entries = Object.keys(values).map((name, i) => [name, { dtype: "U8", shape: [1], data_offsets: [i, i + 1] }]);
  return safetensors({ __metadata__: { format }, ...Object.fromEntries(entries) }, Buffer.from(Object.values(values)));
}
const index = (map: Record<string, unknown>) => JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });
const valuesIn = (tensor: LazyTensor | undefined) => tensor && [...valuesOf(tensor)];

function opening(files: Record<string, string | Uint8Array>) {
  return inFolder((folder) => {
    writeFiles(folder, files);
    return diagnosticsOf(() => openCheckpoint(folder).close());
  });
}

test("a folder with one weight file", () => {
  inFolder((folder) => {
    const preprocessor = '{"image_mean": [0.5, NaN], "do_resize": true}';
    writeFiles(folder, {
      "config.json": '\ufeff{"model_type": "bert", "layer_norm_eps": Infinity, "a": 1, "a": 2}',
      "preprocessor_config.json": preprocessor,
      "model.safetensors": weights({ "a.weight": 7, "b.weight": 8 }),
      "sub/vocab.txt": "x",
    });
    const checkpoint = openCheckpoint(`${folder}/`);
    expect(checkpoint.folder).toBe(realpathSync(folder));
    expect(checkpoint.name).toBe(basename(folder));
    expect(checkpoint.config).toEqual({ model_type: "bert", layer_norm_eps: 1 / 0, a: 2 });
    expect(checkpoint.preprocessor).toEqual({ image_mean: [0.5, Number.NaN], do_resize: true });
    expect(checkpoint.tensors.names()).toEqual(["a.weight", "b.weight"]);
    expect(valuesIn(checkpoint.tensors.get("b.weight"))).toEqual([8]);
    expect(checkpoint.tensors.get("b.weight")?.at?.path).toBe(join(realpathSync(folder), "model.safetensors"));
    expect(checkpoint.tensors.get("c")).toBeUndefined();
    expect(checkpoint.diagnostics).toEqual([]);
    expect(checkpoint.file("sub/vocab.txt")).toBe(join(realpathSync(folder), "sub/vocab.txt"));
    expect(checkpoint.file("tokenizer.json")).toBeUndefined();
    expect(checkpoint.file("config.json/x")).toBeUndefined();
    expect(diagnosticsOf(() => checkpoint.file("../x")).diagnostics).toMatchObject([{ code: "checkpoint.path" }]);
    checkpoint.close();
    expect(diagnosticsOf(() => valuesIn(checkpoint.tensors.get("b.weight"))).text).toContain("read after close");
  });
});

test("without preprocessor_config.json there is no preprocessor", () => {
  inFolder((folder) => {
    writeFiles(folder, { "config.json": config, "model.safetensors": weights({}) });
    const checkpoint = openCheckpoint(folder);
    expect("preprocessor" in checkpoint).toBe(false);
    expect(checkpoint.tensors.names()).toEqual([]);
    checkpoint.close();
  });
});

describe("shards", () => {
  test("are read as the index says; tensors it does not name are left out with a warning", () => {
    inFolder((folder) => {
      writeFiles(folder, {
        "config.json": config,
        "model.safetensors.index.json": index({ c: "s-2.safetensors", a: "s-1.safetensors", b: "sub/s-3.safetensors" }),
        "s-1.safetensors": weights({ a: 1 }),
        "s-2.safetensors": weights({ a: 9, c: 3, d: 4 }),
        "sub/s-3.safetensors": weights({ b: 2 }),
      });
      const checkpoint = openCheckpoint(folder);
      expect(checkpoint.tensors.names()).toEqual(["a", "c", "b"]);
      expect(["a", "b", "c", "d"].map((name) => valuesIn(checkpoint.tensors.get(name)))).toEqual([
        [1],
        [2],
        [3],
        undefined,
      ]);
      expect(checkpoint.diagnostics).toMatchObject([{ code: "checkpoint.unlisted", severity: "warning" }]);
      expect(checkpoint.diagnostics[0]?.message).toContain("s-2.safetensors holds 2 tensors");
      expect(checkpoint.diagnostics[0]?.message).toContain("a, d");
      checkpoint.close();
      expect(diagnosticsOf(() => valuesIn(checkpoint.tensors.get("c"))).text).toContain("read after close");
    });
  });

  const shard = weights({ a: 1 });
  test.each<[string, string, string[]]>([
    [
      "that are missing",
      index({ a: "s1", b: "s2", c: "s2" }),
      ["the shard s1 with 1 tensors is missing", "the shard s2 with 2 tensors"],
    ],
    [
      "above the folder",
      index({ a: "../s", b: "x" }),
      ['shard ../s: "../s" is no plain name', "the shard x with 1 tensors is missing"],
    ],
    ["at absolute paths", index({ a: "/etc/passwd" }), ['"/etc/passwd" is no plain name']],
    ["at paths with ..", index({ a: "x/../../s" }), ["is no plain name"]],
    ["at Windows paths", index({ a: "..\\s", b: "C:s" }), ["shard ..\\s", "shard C:s"]],
    ["without names", index({ a: "" }), ["is no plain name"]],
    ["with zero bytes", index({ a: "s\0.safetensors" }), ["is no plain name"]],
    [
      "that lack tensors",
      index({ a: "s.safetensors", b: "s.safetensors", c: "s.safetensors" }),
      ["tensor 'b' is not in s.safetensors", "tensor 'c'"],
    ],
    ["that are no names", index({ a: 1, b: null }), ["tensor 'a' is mapped to 1", "tensor 'b' is mapped to null"]],
    ["without a map", "{}", ["weight_map is no object"]],
    ["with a map that is a list", '{"weight_map": []}', ["weight_map is no object"]],
    ["with a malformed index", "{", ["invalid JSON"]],
    [
      "with a tensor listed twice",
      '{"weight_map": {"a": "s.safetensors", "a": "s.safetensors"}}',
      ['"a" appears twice'],
    ],
  ])("%s are refused", (_, text, messages) => {
    const files = { "config.json": config, "model.safetensors.index.json": text, "s.safetensors": shard };
    const { kind, diagnostics } = opening(files);
    expect(kind).toBe("unreadable");
    expect(diagnostics.length).toBe(messages.length);
    for (const [i, message] of messages.entries()) {
      expect(diagnostics[i]?.message).toContain(message);
      expect(diagnostics[i]?.path).toMatch(/model\.safetensors\.index\.json$/);
    }
  });

  test("that are broken name the shard", () => {
    const files = { "config.json": config, "model.safetensors.index.json": index({ a: "s" }), s: Buffer.alloc(3) };
    expect(opening(files).diagnostics[0]?.path).toMatch(/s$/);
  });
});

describe("symbolic links", () => {
  test("out of the folder are refused", () => {
    inFolder((root) => {
      writeFiles(root, { "model/config.json": config, "secret.safetensors": weights({ a: 1 }) });
      symlinkSync("../secret.safetensors", join(root, "model/model.safetensors"));
      const { diagnostics } = diagnosticsOf(() => openCheckpoint(join(root, "model")));
      expect(diagnostics).toMatchObject([{ code: "checkpoint.path" }]);
      expect(diagnostics[0]?.path).toMatch(/model\.safetensors$/);
    });
  });

  test("within the folder, and to the folder, are followed", () => {
    inFolder((root) => {
      writeFiles(root, { "real/config.json": config, "real/w/a": weights({ a: 1 }) });
      symlinkSync("w/a", join(root, "real/model.safetensors"));
      symlinkSync("real", join(root, "link"));
      const checkpoint = openCheckpoint(join(root, "link"));
      expect(checkpoint.name).toBe("real");
      expect(checkpoint.tensors.get("a")?.at?.path).toBe(join(realpathSync(root), "real/w/a"));
      checkpoint.close();
    });
  });

  const snapshot = "models--google--vit-base/snapshots/0123abc";
  test("of the Hub's cache lead to its blobs, and nowhere else", () => {
    inFolder((root) => {
      writeFiles(root, {
        "models--google--vit-base/blobs/aaa": config,
        "models--google--vit-base/blobs/bbb": weights({ a: 5 }),
        "models--google--other/blobs/ccc": "x",
      });
      mkdirSync(join(root, snapshot), { recursive: true });
      symlinkSync("../../blobs/aaa", join(root, snapshot, "config.json"));
      symlinkSync("../../blobs/bbb", join(root, snapshot, "model.safetensors"));
      symlinkSync("../../../models--google--other/blobs/ccc", join(root, snapshot, "vocab.txt"));
      const checkpoint = openCheckpoint(join(root, snapshot));
      expect(checkpoint.name).toBe("google/vit-base");
      expect(valuesIn(checkpoint.tensors.get("a"))).toEqual([5]);
      expect(checkpoint.tensors.get("a")?.at?.path).toMatch(/blobs.bbb$/);
      expect(diagnosticsOf(() => checkpoint.file("vocab.txt")).diagnostics).toMatchObject([
        { code: "checkpoint.path" },
      ]);
      checkpoint.close();
    });
  });
});

describe("refuses", () => {
  test.each<[string, Record<string, string | Uint8Array>, string, string]>([
    ["a folder without config.json", { "model.safetensors": weights({}) }, "checkpoint.config", "no config.json"],
    [
      "malformed config.json",
      { "config.json": "{'a': 1}" },
      "checkpoint.json",
      "invalid JSON: expected a member name at character 1",
    ],
    ["config.json with a list", { "config.json": "[]" }, "checkpoint.json", "expected a JSON object"],
    ["config.json that is not UTF-8", { "config.json": Uint8Array.of(0xff, 0xfe) }, "checkpoint.json", "not UTF-8"],
    [
      "a huge config.json",
      { "config.json": Buffer.alloc((16 << 20) + 1, " ") },
      "checkpoint.json",
      "has 16777217 bytes",
    ],
    [
      "no weights",
      { "config.json": config },
      "checkpoint.weights",
      "no model.safetensors or model.safetensors.index.json",
    ],
    ["other weights", { "config.json": config, "x.gguf": "" }, "checkpoint.weights", "found x.gguf"],
    [
      "PyTorch's pickles",
      { "config.json": config, "pytorch_model.bin": "" },
      "checkpoint.format",
      "found pytorch_model.bin",
    ],
    ["TensorFlow's files", { "config.json": config, "tf_model.h5": "" }, "checkpoint.format", "found tf_model.h5"],
    [
      "safetensors that TensorFlow wrote",
      { "config.json": config, "model.safetensors": weights({ a: 1 }, "tf") },
      "checkpoint.format",
      "saved by TensorFlow (format: tf)",
    ],
  ])("%s", (_, files, code, message) => {
    const { kind, diagnostics } = opening(files);
    expect(kind).toBe("unreadable");
    expect(diagnostics).toMatchObject([{ code, severity: "error" }]);
    expect(diagnostics[0]?.message).toContain(message);
    expect(diagnostics[0]?.path).toBeTruthy();
  });

  test("a missing folder and a file", () => {
    inFolder((folder) => {
      const path = join(folder, "none");
      expect(diagnosticsOf(() => openCheckpoint(path)).diagnostics).toMatchObject([
        { code: "checkpoint.folder", path },
      ]);
      writeFiles(folder, { file: "" });
      expect(diagnosticsOf(() => openCheckpoint(join(folder, "file"))).text).toContain("found a file");
    });
  });

  test("a folder in place of config.json", () => {
    inFolder((folder) => {
      mkdirSync(join(folder, "config.json"));
      expect(diagnosticsOf(() => openCheckpoint(folder)).diagnostics).toMatchObject([{ code: "checkpoint.file" }]);
    });
  });

  test.skipIf(process.platform === "win32")("a pipe that nobody writes to", () => {
    inFolder((folder) => {
      execFileSync("mkfifo", [join(folder, "config.json")]);
      expect(diagnosticsOf(() => openCheckpoint(folder)).diagnostics).toMatchObject([{ code: "checkpoint.file" }]);
    });
  });

  test.each([
    ["pytorch_model-00001-of-00002.bin", config, "import BertForMaskedLM; BertForMaskedLM.from_pretrained("],
    ["tf_model.h5", '{"architectures": ["TFBertModel"]}', 'BertModel.from_pretrained("FOLDER", from_tf=True)'],
    ["flax_model.msgpack", '{"architectures": ["x; rm -rf /"]}', 'AutoModel.from_pretrained("FOLDER", from_flax=True)'],
  ])("%s with a hint that keeps the head", (file, text, hint) => {
    expect(opening({ "config.json": text, [file]: "" }).diagnostics[0]?.hint).toContain(hint);
  });

  test("an adapter, with a hint", () => {
    const { diagnostics } = opening({ "config.json": config, "adapter_model.safetensors": weights({}) });
    expect(diagnostics[0]?.hint).toContain("merge");
  });
});
