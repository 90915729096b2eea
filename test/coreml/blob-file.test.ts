import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BlobLayout, BlobReader, writeBlobFile } from "../../src/coreml/blob-file.ts";
import { ConversionError } from "../../src/diagnostics.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { testFolder } from "./files.ts";

const folder = testFolder();

/** Bytes of a table with one line per 16 bytes at most, `00×n` standing for n zeros. */
function golden(text: string): string {
  return text
    .trim()
    .split(/\s+/)
    .map((part) => (part.startsWith("00×") ? "00".repeat(Number(part.slice(3))) : part))
    .join("");
}

async function written(tensors: readonly LazyTensor[]): Promise<{ path: string; offsets: readonly number[] }> {
  const layout = new BlobLayout();
  const offsets = tensors.map((t) => layout.add(t));
  const path = join(folder, "weight.bin");
  await writeBlobFile(path, layout);
  expect(readFileSync(path)).toHaveLength(layout.size);
  return { path, offsets };
}

const hexOf = (path: string): string => readFileSync(path).toString("hex");

test("bytes as Apple's writer gives them: fp16 [1, 2, 3], uint4 [1, 2, 3, 4, 5], int8 [-1, 7]", async () => {
  const { path, offsets } = await written([
    tensorOf("fp16", [3], [1, 2, 3], "a"),
    tensorOf("uint4", [5], [1, 2, 3, 4, 5], "b"),
    tensorOf("int8", [2], [-1, 7], "c"),
  ]);
  expect(offsets).toEqual([64, 192, 320]);
  expect(hexOf(path)).toBe(
    golden(`
      03 00 00 00 02 00 00 00 00×56
      ef be ad de 01 00 00 00 06 00 00 00 00 00 00 00
      80 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      00×32
      00 3c 00 40 00 42 00×58
      ef be ad de 0b 00 00 00 03 00 00 00 00 00 00 00
      00 01 00 00 00 00 00 00 04 00 00 00 00 00 00 00
      00×32
      21 43 05 00×61
      ef be ad de 04 00 00 00 02 00 00 00 00 00 00 00
      80 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      00×32
      ff 07`),
  );
});

describe("elements smaller than a byte are one stream of bits, the lowest first", () => {
  test.each<[DType, readonly number[], string, number, number]>([
    ["uint4", [1, 2, 3, 4, 5], "214305", 4, 11],
    ["uint3", [1, 2, 3, 4, 5, 6, 7], "d1581f", 3, 12],
    ["uint1", [1, 0, 1], "05", 5, 9],
    ["uint6", [1, 33, 63], "41f803", 6, 13],
    ["int4", [-8, 7, -1], "780f", 4, 8],
    ["uint2", [0, 1, 2, 3], "e4", 0, 10],
  ])("%s", async (dtype, values, payload, padding, code) => {
    const { path } = await written([tensorOf(dtype, [values.length], values, "t")]);
    const file = readFileSync(path);
    expect(file.subarray(128).toString("hex")).toBe(payload);
    expect(file.readUInt32LE(68)).toBe(code);
    expect(Number(file.readBigUInt64LE(88)), "unused bits").toBe(padding);
    const reader = new BlobReader(path);
    expect(Array.from(valuesOf(reader.tensor(64, dtype, [values.length])))).toEqual(values);
    reader.close();
  });
});

test("equal keys share one blob, another dtype or shape does not", () => {
  const layout = new BlobLayout();
  const offsets = [
    tensorOf("fp32", [2], [1, 2], "w"),
    tensorOf("fp32", [2], [1, 2], "w"),
    tensorOf("fp16", [2], [1, 2], "w"),
    tensorOf("fp32", [1, 2], [1, 2], "w"),
  ].map((t) => layout.add(t));
  expect(offsets).toEqual([64, 64, 192, 320]);
});

test("a tensor of several chunks is the same tensor, and progress reaches the end", async () => {
  const layout = new BlobLayout();
  const count = 3_000_001;
  const data = Float32Array.from({ length: count }, (_, i) => i);
  layout.add(tensorOf("fp32", [count], data, "long"));
  const path = join(folder, "long.bin");
  const ticks: number[] = [];
  await writeBlobFile(path, layout, (n) => {
    ticks.push(n);
  });
  expect(ticks.length).toBeGreaterThan(2);
  expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
  expect(ticks.at(-1)).toBe(layout.size);
  const reader = new BlobReader(path);
  const tensor = reader.tensor(64, "fp32", [count]);
  expect(Buffer.compare(Buffer.from(data.buffer), Buffer.from((valuesOf(tensor) as Float32Array).buffer))).toBe(0);
  const part = new Uint8Array(8);
  tensor.read(2_999_999, 2, part);
  expect([...new Float32Array(part.buffer)]).toEqual([2_999_999, 3_000_000]);
  reader.close();
  expect(() => tensor.read(0, 1, new Uint8Array(4)), "after close").toThrow(ConversionError);
});

test("a long tensor of three-bit elements is packed across chunks", async () => {
  const count = 12_000_001;
  const tensor = tensorOf(
    "uint3",
    [count],
    Uint8Array.from({ length: count }, (_, i) => (i * 5) % 8),
    "bits",
  );
  const { path } = await written([tensor]);
  const expected = new Uint8Array(Math.ceil((count * 3) / 8));
  tensor.read(0, count, expected);
  expect(Buffer.compare(readFileSync(path).subarray(128), expected)).toBe(0);
});

describe("a weight file that is not what the program says", () => {
  const file = (): Buffer => readFileSync(join(folder, "weight.bin"));
  const read = (bytes: Uint8Array, offset = 64, dtype: DType = "fp32", shape: readonly number[] = [3]): string => {
    const path = join(folder, "broken.bin");
    writeFileSync(path, bytes);
    let reader: BlobReader | undefined;
    try {
      reader = new BlobReader(path);
      valuesOf(reader.tensor(offset, dtype, shape));
      return "read";
    } catch (cause) {
      if (cause instanceof ConversionError) return cause.diagnostics[0]?.message ?? "";
      throw cause;
    } finally {
      reader?.close();
    }
  };
  const changed = (change: (b: Buffer) => void): Buffer => {
    const bytes = Buffer.from(file());
    change(bytes);
    return bytes;
  };
  test("is refused, whatever is wrong with it", async () => {
    await written([tensorOf("fp32", [3], [1, 2, 3], "a")]);
    expect(read(file())).toBe("read");
    expect(read(Buffer.alloc(0))).toMatch(/bytes 0 to 64 of 0/);
    expect(read(file().subarray(0, 63))).toMatch(/of 63/);
    expect(read(changed((b) => b.writeUInt32LE(1, 4)))).toMatch(/version 1, expected 2/);
    expect(read(changed((b) => b.writeUInt32LE(0xdeadbeee, 64)))).toMatch(/no blob at offset 64/);
    expect(read(changed((b) => b.writeUInt32LE(1, 68)))).toMatch(/holds fp16, the program says fp32/);
    expect(read(changed((b) => b.writeUInt32LE(99, 68)))).toMatch(/elements of code 99/);
    expect(read(changed((b) => b.writeBigUInt64LE(16n, 72)))).toMatch(/has 16 bytes, fp32 \[3\] has 12/);
    expect(read(changed((b) => b.writeBigUInt64LE(129n, 80)))).toMatch(/reaches from 129 to 141 of 140/);
    expect(read(changed((b) => b.writeBigUInt64LE(2n ** 64n - 1n, 80)))).toMatch(/reaches from/);
    expect(read(file().subarray(0, 139))).toMatch(/to 140 of 139/);
    expect(read(file(), 0)).toMatch(/no blob/);
    expect(read(file(), 65)).toMatch(/no multiple of 64/);
    expect(read(file(), 128)).toMatch(/bytes 128 to 192/);
    expect(read(file(), -64)).toMatch(/bytes -64/);
    expect(read(file(), 2 ** 52)).toMatch(/bytes/);
    expect(read(file(), 64, "fp32", [2 ** 31, 2 ** 21]), "without asking for the memory").toMatch(/has 12 bytes/);
    expect(read(file(), 64, "fp32", [2 ** 600, 2 ** 600, 0])).toMatch(/has 12 bytes/);
  });
});
