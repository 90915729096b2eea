import { type DType, elementCount } from "../../tensor/dtype.ts";
import { tensorOf, valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";

/** A tensor whose values are computed once, when first read. */
export function computed(
  dtype: DType,
  shape: readonly number[],
  key: string,
  values: () => ArrayLike<number>,
): LazyTensor {
  let made: LazyTensor | undefined;
  return {
    dtype,
    shape,
    key,
    read(start, count, out) {
      made ??= tensorOf(dtype, shape, values(), key);
      made.read(start, count, out);
    },
  };
}

/** Row-major strides. */
export const stridesOf = (shape: readonly number[]): number[] => shape.map((_, i) => elementCount(shape.slice(i + 1)));

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
  return computed(lut.dtype, shape, `lut(${indices.key}, ${lut.key})`, () => {
    const [picks, table] = [Array.from(valuesOf(indices), Number), Array.from(valuesOf(lut), Number)];
    const [inStrides, groupStrides] = [stridesOf(indices.shape), stridesOf(groups)];
    const block = indices.shape.map((d, i) => d / (groups[i] as number));
    const out = new Float64Array(elementCount(shape));
    const outer = elementCount(shape.slice(axis + 1));
    picks.forEach((pick, i) => {
      let group = 0;
      let before = 0;
      let rest = i;
      inStrides.forEach((stride, d) => {
        const at = Math.floor(rest / stride);
        rest %= stride;
        group += Math.floor(at / (block[d] as number)) * (groupStrides[d] as number);
        if (d <= axis) before = before * (indices.shape[d] as number) + at;
      });
      const inside = i % outer;
      for (let k = 0; k < vector; k++) {
        const target = vector === 1 ? i : (before * vector + k) * outer + inside;
        out[target] = table[(group * entries + pick) * vector + k] as number;
      }
    });
    return out;
  });
}

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
