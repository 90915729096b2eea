import { packBits } from "../../tensor/bit-packing.ts";
import { bitsOf, byteLength, type DType, elementCount, isFloat } from "../../tensor/dtype.ts";
import {
  decodeElements,
  encodeElements,
  typedArrayOf,
  type Values,
  type WholeByteDType,
} from "../../tensor/elements.ts";
import { valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";

/** Elements decoded at a time; a multiple of 8, so that pieces of sub-byte types start on a byte. */
export const PIECE = 1 << 16;

/**
 * A tensor that is decoded anew, a piece at a time, whenever it is read: nothing decoded is kept.
 * @param decode fills `out`, of at most `PIECE` elements, with the elements from `start` on
 */
export function decoded(
  dtype: DType,
  shape: readonly number[],
  key: string,
  decode: (start: number, out: Float32Array) => void,
): LazyTensor {
  return {
    dtype,
    shape,
    key,
    read(start, count, out) {
      const numbers = new Float32Array(Math.min(PIECE, count));
      for (let done = 0; done < count; done += PIECE) {
        const piece = numbers.subarray(0, Math.min(PIECE, count - done));
        decode(start + done, piece);
        out.set(encoded(dtype, piece, key), byteLength(dtype, done));
      }
    },
  };
}

function encoded(dtype: DType, numbers: Float32Array, key: string): Uint8Array {
  if (isFloat(dtype)) return encodeElements(dtype, numbers, key);
  if (bitsOf[dtype] < 8) return packBits(numbers, bitsOf[dtype]);
  const integers = (typedArrayOf[dtype as WholeByteDType] as Int32ArrayConstructor).from(numbers);
  return new Uint8Array(integers.buffer);
}

/** The elements `[start, start + count)`, wherever they start in a byte. */
export function elementsOf(tensor: LazyTensor, start: number, count: number): Values {
  const { dtype, key } = tensor;
  const before = bitsOf[dtype] < 8 ? start % 8 : 0;
  const bytes = new Uint8Array(byteLength(dtype, before + count));
  tensor.read(start - before, before + count, bytes);
  return decodeElements(dtype, before + count, bytes, key).subarray(before);
}

/** Row-major strides. */
export const stridesOf = (shape: readonly number[]): number[] => shape.map((_, i) => elementCount(shape.slice(i + 1)));

/** Position of an element's block: rows[row] + columns[column], a row being all dimensions but the last. */
export interface Blocks {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** Where the elements of a tensor of `shape` find theirs in one of `blocks`, whose sizes divide it. */
export function blocksOf(shape: readonly number[], blocks: readonly number[]): Blocks {
  const [strides, blockStrides] = [stridesOf(shape.slice(0, -1)), stridesOf(blocks)];
  const sizes = shape.map((d, i) => d / (blocks[i] as number));
  const rows = Int32Array.from({ length: elementCount(shape.slice(0, -1)) }, (_, row) => {
    let [position, rest] = [0, row];
    strides.forEach((stride, i) => {
      position += Math.floor(Math.floor(rest / stride) / (sizes[i] as number)) * (blockStrides[i] as number);
      rest %= stride;
    });
    return position;
  });
  const columns = Int32Array.from({ length: shape.at(-1) ?? 1 }, (_, j) => Math.floor(j / (sizes.at(-1) ?? 1)));
  return { rows, columns };
}

/**
 * iOS18 look-up tables. `indices` has the shape of the result (divided by the vector's length along its axis); `lut` is
 * [g0 … gK-1, entries, vector], one table per block of the indices.
 */
export function lutToDense(indices: LazyTensor, lut: LazyTensor, vectorAxis: number | undefined): LazyTensor {
  const groups = lut.shape.slice(0, -2);
  const [entries, vector] = lut.shape.slice(-2) as [number, number];
  const axis =
    vectorAxis === undefined || vector === 1 ? 0 : (vectorAxis + indices.shape.length) % indices.shape.length;
  const shape = vector === 1 ? indices.shape : indices.shape.with(axis, (indices.shape[axis] as number) * vector);
  const width = indices.shape.at(-1) ?? 1;
  const inner = vector === 1 ? 1 : elementCount(shape.slice(axis + 1));
  let loaded: { readonly table: Values; readonly blocks: Blocks } | undefined;
  return decoded(lut.dtype, shape, `lut(${indices.key}, ${lut.key})`, (start, out) => {
    loaded ??= { table: valuesOf(lut), blocks: blocksOf(indices.shape, groups) };
    const { table, blocks } = loaded;
    const first = sourceOf(start, inner, vector);
    const last = sourceOf(start + out.length - 1, inner, vector);
    // Along an axis that is not the last, a run of the result goes through a run of the indices once per entry.
    const [from, to] = inner === 1 ? [first, last] : [first - (first % inner), last - (last % inner) + inner - 1];
    const picks = elementsOf(indices, from, to - from + 1);
    for (let i = 0; i < out.length; i++) {
      const source = vector === 1 ? start + i : sourceOf(start + i, inner, vector);
      const row = Math.floor(source / width);
      const group = (blocks.rows[row] as number) + (blocks.columns[source - row * width] as number);
      const entry = vector === 1 ? 0 : Math.floor((start + i) / inner) % vector;
      out[i] = table[(group * entries + (picks[source - from] as number)) * vector + entry] as number;
    }
  });
}

/** Which element of a tensor an element comes from when each is repeated `times` over an axis with `inner` elements below it. */
export const sourceOf = (at: number, inner: number, times: number): number =>
  Math.floor(at / (inner * times)) * inner + (at % inner);

/** iOS16 look-up tables: `indices` are bytes that hold `log2(entries)` bits per element, lowest bits first. */
export function unpackedLut(indices: LazyTensor, lut: LazyTensor, shape: readonly number[]): LazyTensor {
  const entries = elementCount(lut.shape);
  const bits = Math.log2(entries);
  const logical = unpacked(indices, bits, shape);
  const table: LazyTensor = {
    dtype: lut.dtype,
    shape: [...shape.map(() => 1), entries, 1],
    key: lut.key,
    read: (start, count, out) => lut.read(start, count, out),
  };
  return lutToDense(logical, table, undefined);
}

/** Bytes seen as elements of `bits` bits, lowest bits first. */
export const unpacked = (bytes: LazyTensor, bits: number, shape: readonly number[]): LazyTensor => ({
  dtype: `uint${bits}` as DType,
  shape,
  key: bytes.key,
  read: (start, _, out) => bytes.read((start * bits) / 8, out.length, out),
});
