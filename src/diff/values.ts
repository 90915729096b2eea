import { noStatistics } from "../tensor/cast-statistics.ts";
import { byteLength, elementCount } from "../tensor/dtype.ts";
import { decodeElements, type Values } from "../tensor/elements.ts";
import { castFloats, isFloatDType } from "../tensor/float-cast.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { ErrorSums } from "../validate/error-sums.ts";
import type { ValuesDifference } from "./difference.ts";

/** Elements compared at a time: both sides stay in the processor's second-level cache. */
const PIECE = 1 << 16;

/**
 * Compares two tensors of one shape value by value, whatever their types, a piece at a time.
 * @param reference what errors are relative to
 * @param onPiece told how many elements are done since it was last called
 * @throws ConversionError when one cannot be read; what `onPiece` throws
 */
export async function compareValues(
  reference: LazyTensor,
  actual: LazyTensor,
  onPiece: (elements: number) => Promise<void>,
): Promise<ValuesDifference> {
  const elements = elementCount(reference.shape);
  const [readReference, readActual] = [numbersOf(reference), numbersOf(actual)];
  const sums = new ErrorSums();
  const nan = { a: 0, b: 0 };
  const infinite = { a: 0, b: 0 };
  let differing = 0;
  for (let start = 0; start < elements; start += PIECE) {
    const length = Math.min(PIECE, elements - start);
    const [a, b] = [readReference(start, length), readActual(start, length)];
    let finite = 0;
    for (let i = 0; i < length; i++) {
      const x = a[i] as number;
      const y = b[i] as number;
      if (x - y === 0) finite++;
      else if (x !== y) {
        if (Number.isFinite(x - y)) finite++;
        if (!(Number.isNaN(x) && Number.isNaN(y))) differing++;
      }
    }
    if (finite === length) sums.addAll(start, b, a, length);
    else addUnusual(start, length, a, b, { sums, nan, infinite });
    await onPiece(length);
  }
  return { elements, differing, nan, infinite, error: sums.figures(reference.shape) };
}

type Counts = Pick<ValuesDifference, "nan" | "infinite">;
type Counted = { readonly [K in keyof Counts]: { a: number; b: number } };

/** A piece with NaN or infinity in it: they are counted, the pairs of finite numbers are compared. */
function addUnusual(
  start: number,
  length: number,
  a: Values,
  b: Values,
  { sums, nan, infinite }: Counted & { readonly sums: ErrorSums },
): void {
  for (let i = 0; i < length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    if (Number.isFinite(x) && Number.isFinite(y)) sums.add(start + i, y, x);
    for (const [side, value] of [["a", x] as const, ["b", y] as const]) {
      if (Number.isNaN(value)) nan[side]++;
      else if (!Number.isFinite(value)) infinite[side]++;
    }
  }
}

/** Reads a tensor as numbers; what is returned is overwritten by the next read. */
function numbersOf(tensor: LazyTensor): (start: number, length: number) => Values {
  const { dtype, key } = tensor;
  if (!isFloatDType(dtype)) {
    return (start, length) => {
      const bytes = new Uint8Array(byteLength(dtype, length));
      tensor.read(start, length, bytes);
      return decodeElements(dtype, length, bytes, key);
    };
  }
  const size = Math.min(PIECE, elementCount(tensor.shape));
  const stored = new Uint8Array(byteLength(dtype, size));
  if (dtype === "fp64") {
    return (start, length) => {
      tensor.read(start, length, stored.subarray(0, byteLength(dtype, length)));
      return new Float64Array(stored.buffer, 0, length);
    };
  }
  const numbers = dtype === "fp32" ? new Float32Array(stored.buffer) : new Float32Array(size);
  return (start, length) => {
    const bytes = stored.subarray(0, byteLength(dtype, length));
    tensor.read(start, length, bytes);
    if (dtype !== "fp32")
      castFloats(dtype, "fp32", bytes, new Uint8Array(numbers.buffer, 0, 4 * length), noStatistics());
    return numbers;
  };
}
