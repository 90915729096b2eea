import { describe, expect, test } from "vitest";
import { lutToDense, unpackedLut } from "../../src/mil/ops/decode.ts";
import { shiftScaled } from "../../src/mil/ops/shift-scale.ts";
import { repeatedAlong, selected, sparseToDense } from "../../src/mil/ops/sparse.ts";
import { byteLength, type DType, elementCount } from "../../src/tensor/dtype.ts";
import { decodeElements } from "../../src/tensor/elements.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { seededRandom } from "./seeded-random.ts";

const random = seededRandom(7);
const made = (dtype: DType, shape: readonly number[], value: (i: number) => number): LazyTensor =>
  tensorOf(
    dtype,
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => value(i)),
    "made",
  );
const below = (n: number) => (): number => Math.floor(random() * n);

/** The elements from `start` on, read at once. */
function part(t: LazyTensor, start: number, count: number): number[] {
  const bytes = new Uint8Array(byteLength(t.dtype, count));
  t.read(start, count, bytes);
  return Array.from(decodeElements(t.dtype, count, bytes, t.key), Number);
}

/** Several pieces, none of whose borders lies on a row. */
const [ROWS, WIDTH] = [487, 360];
const size = ROWS * WIDTH;

/** What each decoder must give, element by element, by the definition of the operation. */
const cases: readonly (readonly [name: string, tensor: () => LazyTensor, expected: (all: LazyTensor) => number[]])[] =
  (() => {
    const indices = made("uint3", [ROWS, WIDTH], below(8));
    const picks = Array.from(valuesOf(indices), Number);
    const table = made("fp16", [1, 3, 8, 1], (i) => i / 4);
    const packed: LazyTensor = {
      dtype: "uint8",
      shape: [byteLength("uint3", size)],
      key: indices.key,
      read: (start, count, out) => indices.read((start * 8) / 3, (count * 8) / 3, out),
    };
    const vectors = made("fp32", [1, 1, 8, 3], (i) => i / 2);
    const data = made("int4", [ROWS, WIDTH], (i) => ((below(16)() + i) % 16) - 8);
    const scale = made("fp16", [ROWS, 5], (i) => (1 + (i % 7)) / 16);
    const offset = made("int4", [ROWS, 5], (i) => (i % 5) - 2);
    const mask = made("uint1", [ROWS, WIDTH], () => Number(random() < 0.3));
    const bits = Array.from(valuesOf(mask), Number);
    const count = bits.filter((b) => b === 1).length;
    const nonzero = made("int4", [count], (i) => (i % 15) - 7);
    const [values, kept] = [Array.from(valuesOf(data), Number), Array.from(valuesOf(nonzero), Number)];
    const each = (f: (row: number, column: number, i: number) => number): number[] =>
      Array.from({ length: size }, (_, i) => f(Math.floor(i / WIDTH), i % WIDTH, i));
    return [
      [
        "a look-up table for each third of the columns",
        () => lutToDense(indices, table, undefined),
        () => each((_, c, i) => (Math.floor(c / 120) * 8 + (picks[i] as number)) / 4),
      ],
      [
        "packed indices",
        () =>
          unpackedLut(
            packed,
            made("fp32", [8], (i) => i),
            [ROWS, WIDTH],
          ),
        () => picks,
      ],
      [
        "vectors along the first axis",
        () => lutToDense(indices, vectors, 0),
        () =>
          Array.from({ length: 3 * size }, (_, i) => {
            const [row, column] = [Math.floor(i / WIDTH), i % WIDTH];
            return ((picks[Math.floor(row / 3) * WIDTH + column] as number) * 3 + (row % 3)) / 2;
          }),
      ],
      [
        "vectors along the last axis",
        () => lutToDense(indices, vectors, -1),
        () => Array.from({ length: 3 * size }, (_, i) => ((picks[Math.floor(i / 3)] as number) * 3 + (i % 3)) / 2),
      ],
      [
        "blocks with scale and offset",
        () => shiftScaled(data, scale, offset),
        () =>
          each((r, c, i) => {
            const block = r * 5 + Math.floor(c / 72);
            return ((values[i] as number) - ((block % 5) - 2)) * ((1 + (block % 7)) / 16);
          }),
      ],
      [
        "a mask over few values",
        () => sparseToDense(nonzero, mask),
        () => {
          let next = 0;
          return bits.map((b) => (b === 1 ? (kept[next++] as number) : 0));
        },
      ],
      ["what a mask selects", () => selected(data, mask, count), () => values.filter((_, i) => bits[i] === 1)],
      [
        "a mask over what another one selects",
        () => sparseToDense(selected(data, mask, count), mask),
        () => values.map((v, i) => (bits[i] === 1 ? v : 0)),
      ],
      [
        "a mask repeated",
        () => repeatedAlong(mask, 0, 2),
        () =>
          Array.from({ length: 2 * size }, (_, i) => bits[Math.floor(i / (2 * WIDTH)) * WIDTH + (i % WIDTH)] as number),
      ],
    ];
  })();

describe("a constexpr operation decodes", () => {
  test.each(cases)("%s", (_, tensor, expected) => {
    const decoded = tensor();
    const all = expected(decoded);
    expect(all.length).toBe(elementCount(decoded.shape));
    // Backwards, and across the borders of pieces and rows.
    for (const start of [all.length - 160, 65_528, 8, 0].filter((s) => s >= 0 && s < all.length)) {
      const length = Math.min(160, all.length - start);
      expect(part(decoded, start, length)).toEqual(all.slice(start, start + length));
    }
    expect(part(decoded, 0, all.length)).toEqual(all);
  });

  test("no mask that selects another number of values than there are", () => {
    const mask = made("uint1", [16], () => 1);
    const values = made("fp32", [15], () => 1);
    expect(() => part(sparseToDense(values, mask), 0, 16)).toThrow("more ones than the 15 values");
    expect(() => part(selected(mask, mask, 24), 0, 24)).toThrow("fewer ones than the 24 values");
  });
});
