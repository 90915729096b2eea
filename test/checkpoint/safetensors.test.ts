import { truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSafetensors } from "../../src/checkpoint/safetensors.ts";
import { valuesOf } from "../../src/tensor/memory.ts";
import { diagnosticsOf, inFolder, safetensors, writeFiles } from "./files.ts";

function withFile<T>(bytes: Uint8Array, use: (path: string) => T): T {
  return inFolder((folder) => {
    writeFiles(folder, { "model.safetensors": bytes });
    return use(join(folder, "model.safetensors"));
  });
}

const entry = (dtype: unknown, shape: unknown, ...offsets: unknown[]) => ({ dtype, shape, data_offsets: offsets });
const length = (claimed: bigint, rest = "") => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(claimed);
  return Buffer.concat([bytes, Buffer.from(rest)]);
};

test("tensors are read from where they lie", () => {
  const data = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  const header = {
    __metadata__: { format: "pt" },
    "b.weight": entry("F32", [2, 2], 8, 24),
    "a.bias": entry("F32", [2], 0, 8),
    scalar: entry("F32", [], 24, 24 + 4),
    empty: entry("I64", [3, 0], 24, 24),
  };
  withFile(safetensors(header, Buffer.concat([data, Buffer.from(Float32Array.of(7).buffer)])), (path) => {
    const file = openSafetensors(path);
    expect(file.names()).toEqual(["b.weight", "a.bias", "scalar", "empty"]);
    expect(file.metadata.get("format")).toBe("pt");
    const weight = file.get("b.weight");
    expect(weight).toMatchObject({ dtype: "fp32", shape: [2, 2], key: "b.weight" });
    expect(weight?.at).toEqual({ path: file.path, offset: 8 + JSON.stringify(header).length + 8 });
    expect(file.get("b.weight")).toBe(weight);
    const values = (name: string) => [...valuesOf(file.get(name) as NonNullable<typeof weight>)];
    expect(values("b.weight")).toEqual([3, 4, 5, 6]);
    expect(values("a.bias")).toEqual([1, 2]);
    expect(values("scalar")).toEqual([7]);
    expect(values("empty")).toEqual([]);
    expect(file.get("c")).toBeUndefined();
    file.close();
    file.close();
    expect(diagnosticsOf(() => values("a.bias")).text).toContain("read after close");
  });
});

test.each([
  ["F64", 8, "fp64"],
  ["F32", 4, "fp32"],
  ["F16", 2, "fp16"],
  ["BF16", 2, "bf16"],
  ["I64", 8, "int64"],
  ["I32", 4, "int32"],
  ["I16", 2, "int16"],
  ["I8", 1, "int8"],
  ["U64", 8, "uint64"],
  ["U32", 4, "uint32"],
  ["U16", 2, "uint16"],
  ["U8", 1, "uint8"],
  ["BOOL", 1, "bool"],
])("%s takes %i bytes and is %s", (dtype, bytes, ours) => {
  withFile(safetensors({ t: entry(dtype, [3], 0, 3 * bytes) }, 3 * bytes), (path) => {
    const file = openSafetensors(path);
    expect(file.get("t")?.dtype).toBe(ours);
    file.close();
  });
});

test.each([
  ["F8_E4M3", 2],
  ["F8_E5M2", 2],
  ["F4", 1],
  ["C64", 16],
])("%s is refused when it is asked for, not before", (dtype, bytes) => {
  withFile(
    safetensors({ q: entry(dtype, [2], 0, bytes), t: entry("U8", [1], bytes, bytes + 1) }, bytes + 1),
    (path) => {
      const file = openSafetensors(path);
      expect(file.get("t")?.dtype).toBe("uint8");
      const { kind, diagnostics } = diagnosticsOf(() => file.get("q"));
      expect(kind).toBe("unsupported");
      expect(diagnostics).toMatchObject([{ code: "tensor.dtype", path: file.path }]);
      expect(diagnostics[0]?.message).toContain(`tensor 'q' has element type ${dtype}`);
      file.close();
    },
  );
});

describe("refuses", () => {
  const t = entry("F32", [2], 0, 8);
  test.each<[string, Uint8Array, string]>([
    ["an empty file", Buffer.alloc(0), "the file has 0 bytes, too few"],
    ["a file shorter than the length", Buffer.alloc(7), "the file has 7 bytes, too few"],
    ["a header beyond the file", length(100n, "{}"), "claims 100 bytes, the file has 2"],
    ["a header above the limit", length(100_000_001n, "{}"), "claims 100000001 bytes, the format allows 100000000"],
    ["a length of 2^64 - 1", length(2n ** 64n - 1n, "{}"), "claims 18446744073709551615 bytes"],
    ["an empty header", length(0n), "does not start with '{'"],
    ["a header that starts with a space", safetensors(" {}"), "does not start with '{'"],
    ["a list as header", safetensors("[]"), "does not start with '{'"],
    ["a header that is not UTF-8", Buffer.concat([length(4n), Buffer.from([0x7b, 0x22, 0xff, 0x7d])]), "not UTF-8"],
    ["malformed JSON", safetensors('{"t": '), "invalid JSON: expected a value at character 6, found the end"],
    ["text after the JSON", safetensors("{} x"), "invalid JSON: expected the end"],
    ["nesting", safetensors(`{"t": ${"[".repeat(1e5)}`), "nested deeper than 4"],
    ["NaN", safetensors('{"t": {"dtype": NaN}}'), "expected a value"],
    [
      "two tensors of one name",
      safetensors(`{"t": ${JSON.stringify(t)}, "t": ${JSON.stringify(t)}}`, 8),
      '"t" appears twice',
    ],
    [
      "two shapes",
      safetensors('{"t":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,2]}}', 2),
      '"shape" appears twice',
    ],
    ["metadata that is a list", safetensors({ __metadata__: [], t }, 8), "__metadata__ is no object of strings"],
    ["metadata that is no text", safetensors({ __metadata__: { a: 1 }, t }, 8), "no string under 'a'"],
    ["a tensor that is a number", safetensors({ t: 1 }), "tensor 't': expected an object"],
    ["no dtype", safetensors({ t: { shape: [], data_offsets: [0, 0] } }), "dtype undefined is none of BOOL"],
    ["an unknown dtype", safetensors({ t: entry("F33", [2], 0, 8) }, 8), 'dtype "F33" is none of'],
    ["no shape", safetensors({ t: { dtype: "U8", data_offsets: [0, 0] } }), "shape undefined"],
    ["a negative dim", safetensors({ t: entry("U8", [-1], 0, 0) }), "shape [-1] is no list"],
    ["a fractional dim", safetensors({ t: entry("U8", [1.5], 0, 1) }, 1), "shape [1.5] is no list"],
    ["a dim beyond 2^53", safetensors({ t: entry("U8", [2 ** 60], 0, 1) }, 1), "is no list of non-negative integers"],
    ["a dim as text", safetensors({ t: entry("U8", ["1"], 0, 1) }, 1), 'shape ["1"] is no list'],
    ["65 axes", safetensors({ t: entry("U8", Array(65).fill(1), 0, 1) }, 1), "65 axes, at most 64"],
    ["one offset", safetensors({ t: entry("U8", [1], 0) }, 1), "data_offsets [0] are no pair"],
    ["a negative offset", safetensors({ t: entry("U8", [1], -1, 0) }, 1), "data_offsets [-1,0] are no pair"],
    ["an end before the start", safetensors({ t: entry("U8", [1], 1, 0) }, 1), "[1, 0] end before they begin"],
    ["data beyond the file", safetensors({ t: entry("F32", [2], 0, 8) }, 7), "[0, 8] reach beyond the 7 bytes"],
    ["too few bytes", safetensors({ t: entry("F32", [2], 0, 7) }, 7), "7 bytes of data, expected 8 for F32 [2]"],
    ["too many bytes", safetensors({ t: entry("F16", [], 0, 4) }, 4), "4 bytes of data, expected 2 for F16 []"],
    ["half a byte", safetensors({ t: entry("F4", [3], 0, 1) }, 1), "expected 12 bits for F4 [3]"],
    [
      "a product that overflows to the size",
      safetensors({ t: entry("U8", [2 ** 32, 2 ** 32], 0, 0) }),
      "0 bytes of data, expected 18446744073709551616",
    ],
    [
      "overlapping tensors",
      safetensors({ t, u: entry("U8", [8], 4, 12) }, 12),
      "tensor 'u' begins at data offset 4, within tensor 't' (up to 8)",
    ],
    ["the same data twice", safetensors({ t, u: t }, 8), "tensor 'u' begins at data offset 0, within tensor 't'"],
    [
      "an empty tensor within another",
      safetensors({ t, u: entry("U8", [0], 4, 4) }, 8),
      "tensor 'u' begins at data offset 4",
    ],
    [
      "a hole at the start",
      safetensors({ t: entry("U8", [1], 1, 2) }, 2),
      "1 bytes of data belong to no tensor: the header ends",
    ],
    [
      "a hole between",
      safetensors({ t, u: entry("U8", [1], 10, 11) }, 11),
      "2 bytes of data belong to no tensor: tensor 't' ends at data offset 8, tensor 'u' begins at 10",
    ],
    ["data after the last tensor", safetensors({ t }, 9), "1 bytes of data at the end of the file belong to no tensor"],
    ["data without tensors", safetensors({}, 1), "1 bytes of data at the end of the file"],
  ])("%s", (_, bytes, message) => {
    withFile(bytes, (path) => {
      const { kind, diagnostics, text } = diagnosticsOf(() => openSafetensors(path));
      expect(text).toContain(message);
      expect(kind).toBe("unreadable");
      for (const d of diagnostics) expect(d).toMatchObject({ code: "safetensors.header", severity: "error" });
      expect(diagnostics[0]?.path).toMatch(/model\.safetensors$/);
    });
  });

  test("only the tensor that lies within another, not those after it", () => {
    const header = { t: entry("U8", [8], 0, 8), u: entry("U8", [2], 2, 4), v: entry("U8", [1], 8, 9) };
    withFile(safetensors(header, 9), (path) => {
      const { diagnostics } = diagnosticsOf(() => openSafetensors(path));
      expect(diagnostics.map((d) => d.message)).toEqual([
        expect.stringContaining("tensor 'u' begins at data offset 2"),
      ]);
    });
  });

  test("all faults at once, the first 20 and a count", () => {
    const header = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, entry("F32", [2], 0, 7)]));
    withFile(safetensors(header, 7), (path) => {
      const { diagnostics } = diagnosticsOf(() => openSafetensors(path));
      expect(diagnostics.length).toBe(21);
      expect(diagnostics[20]).toMatchObject({ severity: "note", message: "… and 13 more like these" });
    });
  });

  test("a missing file and a folder", () => {
    inFolder((folder) => {
      expect(diagnosticsOf(() => openSafetensors(join(folder, "none"))).text).toContain("ENOENT");
      expect(diagnosticsOf(() => openSafetensors(folder)).text).toContain("expected a regular file");
    });
  });

  test("a file that is cut off while it is open", () => {
    withFile(safetensors({ t: entry("F32", [2], 0, 8) }, 8), (path) => {
      const file = openSafetensors(path);
      const tensor = file.get("t");
      truncateSync(path, (tensor?.at?.offset ?? 0) + 4);
      const { kind, text } = diagnosticsOf(() => tensor?.read(0, 2, new Uint8Array(8)));
      expect(kind).toBe("unreadable");
      expect(text).toMatch(/the file ends at byte \d+, expected 8 bytes/);
      file.close();
    });
  });
});

test("trailing spaces, names like integers and names beyond ASCII", () => {
  const header = `${JSON.stringify({ "0": entry("U8", [1], 0, 1), "gewicht.ü😀": entry("U8", [1], 1, 2) })}     `;
  withFile(safetensors(header, Uint8Array.of(3, 4)), (path) => {
    const file = openSafetensors(path);
    expect(file.names()).toEqual(["0", "gewicht.ü😀"]);
    file.close();
  });
});
