import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSafetensors } from "../../src/checkpoint/safetensors.ts";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import { fail } from "../../src/diagnostics.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { transposed } from "../../src/tensor/views.ts";
import { diagnosticsOf, inFolder, writeFiles } from "./files.ts";

/**
 * Written by Python's safetensors 0.8.0: `save_file({"b": u8 [1, 2, 3], "a": u8 [4], "h": f16 [1], "é": bf16 [[1, 2]],
 * "z": f32 1.0, "i": i64 [-1], "n": bool [True], "e": f32 of shape [0, 2]}, path, metadata={"format": "pt"})`.
 */
const PYTHON_FILE =
  "2AEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJpIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsxXSwiZGF0" +
  "YV9vZmZzZXRzIjpbMCw4XX0sImUiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzAsMl0sImRhdGFfb2Zmc2V0cyI6WzgsOF19LCJ6" +
  "Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJkYXRhX29mZnNldHMiOls4LDEyXX0sIsOpIjp7ImR0eXBlIjoiQkYxNiIsInNo" +
  "YXBlIjpbMSwyXSwiZGF0YV9vZmZzZXRzIjpbMTIsMTZdfSwiaCI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMV0sImRhdGFfb2Zm" +
  "c2V0cyI6WzE2LDE4XX0sImEiOnsiZHR5cGUiOiJVOCIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzE4LDE5XX0sImIiOnsi" +
  "ZHR5cGUiOiJVOCIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzE5LDIyXX0sIm4iOnsiZHR5cGUiOiJCT09MIiwic2hhcGUi" +
  "OlsxXSwiZGF0YV9vZmZzZXRzIjpbMjIsMjNdfX0g//////////8AAIA/gD8AQAA8BAECAwE=";

const tensors = new Map<string, LazyTensor>([
  ["b", tensorOf("uint8", [3], [1, 2, 3], "b")],
  ["a", tensorOf("uint8", [1], [4], "a")],
  ["h", tensorOf("fp16", [1], [1], "h")],
  ["é", tensorOf("bf16", [1, 2], [1, 2], "é")],
  ["z", tensorOf("fp32", [], [1], "z")],
  ["i", tensorOf("int64", [1], [-1], "i")],
  ["n", tensorOf("bool", [1], [1], "n")],
  ["e", tensorOf("fp32", [0, 2], [], "e")],
]);

test("writes the bytes that the format's own writer writes", () => {
  inFolder((folder) => {
    const path = join(folder, "out.safetensors");
    writeSafetensors(path, tensors, new Map([["format", "pt"]]));
    expect(readFileSync(path).toString("base64")).toBe(PYTHON_FILE);
    writeSafetensors(path, new Map([...tensors].reverse()), new Map([["format", "pt"]]));
    expect(readFileSync(path).toString("base64")).toBe(PYTHON_FILE);
    expect(readdirSync(folder)).toEqual(["out.safetensors"]);
  });
});

test("what was written is read back: views, names like integers, more than one chunk", () => {
  inFolder((folder) => {
    const path = join(folder, "out.safetensors");
    const large = tensorOf(
      "fp32",
      [1100, 1000],
      Float32Array.from({ length: 1_100_000 }, (_, i) => i),
      "w",
    );
    writeSafetensors(
      path,
      new Map([
        ["10", transposed(large)],
        ["9", large],
        ["__proto__", large],
      ]),
    );
    const file = openSafetensors(path);
    expect(file.names().toSorted()).toEqual(["10", "9", "__proto__"]);
    const read = (name: string) => valuesOf(file.get(name) as LazyTensor);
    expect(Buffer.compare(Buffer.from(read("9").buffer), Buffer.from(valuesOf(large).buffer))).toBe(0);
    expect([...read("10").subarray(0, 3)]).toEqual([0, 1000, 2000]);
    file.close();
  });
});

test("data starts at a multiple of 8 bytes whatever the names", () => {
  inFolder((folder) => {
    const path = join(folder, "out.safetensors");
    for (let length = 1; length <= 8; length++) {
      writeSafetensors(path, new Map([["x".repeat(length), tensorOf("fp32", [1], [1], "x")]]));
      const file = openSafetensors(path);
      expect((file.get("x".repeat(length))?.at?.offset ?? 1) % 8).toBe(0);
      file.close();
    }
  });
});

test("a tensor that fails leaves the old file and nothing else", () => {
  inFolder((folder) => {
    const path = join(folder, "out.safetensors");
    writeFiles(folder, { "out.safetensors": "old" });
    const broken: LazyTensor = {
      dtype: "fp32",
      shape: [2],
      key: "x",
      read: () => fail("unreadable", "file.read", "gone"),
    };
    expect(diagnosticsOf(() => writeSafetensors(path, new Map([["x", broken]]))).text).toBe("gone");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["out.safetensors"]);
  });
});

test("refuses what the format cannot hold, and folders that are not there", () => {
  inFolder((folder) => {
    const path = join(folder, "none/out.safetensors");
    const one = (name: string, tensor: LazyTensor) =>
      diagnosticsOf(() => writeSafetensors(path, new Map([[name, tensor]])));
    expect(one("q", tensorOf("uint4", [2], [1, 2], "q")).text).toContain("safetensors has no uint4 (tensor 'q')");
    expect(one("__metadata__", tensorOf("uint8", [1], [1], "m")).diagnostics[0]?.code).toBe("safetensors.name");
    expect(one("a", tensorOf("uint8", [1], [1], "a")).text).toContain("cannot write the file: ENOENT");
  });
});
