import { fail } from "../diagnostics.ts";
import { type CastStatistics, noStatistics } from "./cast-statistics.ts";
import { bitsOf, byteLength, type DType, elementCount } from "./dtype.ts";
import { integerRange, isWholeByte, typedArrayOf, type WholeByteDType } from "./elements.ts";
import { castFloats, type FloatDType, isFloatDType } from "./float-cast.ts";
import { CHUNK_BYTES, fillAligned, withScratch } from "./scratch.ts";
import type { LazyTensor } from "./tensor.ts";

/** Elements of a file converted at a time: few enough to stay in the processor's second-level cache meanwhile. */
const CACHED_ELEMENTS = 1 << 16;

/** A transform, a transpose above all, may go through much of its source for each read: it is asked for all it can. */
function elementsAtOnce(source: LazyTensor, to: DType): number {
  const widest = Math.max(bitsOf[source.dtype], bitsOf[to], bitsOf.fp32) / 8;
  return source.at ? CACHED_ELEMENTS : CHUNK_BYTES / widest;
}

type Convert = (source: Uint8Array, out: Uint8Array) => void;

/** Reads `source` piece by piece and hands each piece, with the place its results go to, to `convert`. */
function convertInPieces(
  source: LazyTensor,
  to: DType,
  start: number,
  count: number,
  out: Uint8Array,
  convert: Convert,
): void {
  const atOnce = elementsAtOnce(source, to);
  for (let done = 0; done < count; done += atOnce) {
    const length = Math.min(atOnce, count - done);
    withScratch(byteLength(source.dtype, length), (scratch) => {
      source.read(start + done, length, scratch);
      const part = out.subarray(byteLength(to, done), byteLength(to, done + length));
      fillAligned(part, bitsOf[to] / 8, (aligned) => convert(scratch, aligned));
    });
  }
}

class FloatCast implements LazyTensor {
  readonly dtype: FloatDType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly #source: LazyTensor;
  readonly #from: FloatDType;
  readonly #onStatistics: ((statistics: CastStatistics) => void) | undefined;
  #statistics = noStatistics();
  #next = 0;

  constructor(source: LazyTensor, from: FloatDType, to: FloatDType, onStatistics?: (s: CastStatistics) => void) {
    this.dtype = to;
    this.shape = source.shape;
    this.key = `${source.key}|${to}`;
    this.#source = source;
    this.#from = from;
    this.#onStatistics = onStatistics;
  }

  read(start: number, count: number, out: Uint8Array): void {
    if (start === 0) this.#statistics = noStatistics();
    const inOrder = start === 0 || start === this.#next;
    const statistics = inOrder ? this.#statistics : noStatistics();
    convertInPieces(this.#source, this.dtype, start, count, out, (source, aligned) =>
      castFloats(this.#from, this.dtype, source, aligned, statistics),
    );
    if (!inOrder) return;
    this.#next = start + count;
    if (this.#next === elementCount(this.shape)) this.#onStatistics?.({ ...statistics });
  }
}

class IntegerCast implements LazyTensor {
  readonly dtype: WholeByteDType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly #source: LazyTensor;
  readonly #from: WholeByteDType;
  readonly #range: { readonly min: bigint; readonly max: bigint };

  constructor(
    source: LazyTensor,
    from: WholeByteDType,
    to: WholeByteDType,
    range: { readonly min: bigint; readonly max: bigint },
  ) {
    this.dtype = to;
    this.shape = source.shape;
    this.key = `${source.key}|${to}`;
    this.#source = source;
    this.#from = from;
    this.#range = range;
  }

  read(start: number, count: number, out: Uint8Array): void {
    convertInPieces(this.#source, this.dtype, start, count, out, (source, aligned) => this.#convert(source, aligned));
  }

  #convert(source: Uint8Array, out: Uint8Array): void {
    const { min, max } = this.#range;
    const values = new typedArrayOf[this.#from](
      source.buffer as ArrayBuffer,
      source.byteOffset,
      source.length / (bitsOf[this.#from] / 8),
    );
    const target = new typedArrayOf[this.dtype](out.buffer as ArrayBuffer, out.byteOffset, values.length);
    const isLong = target instanceof BigInt64Array || target instanceof BigUint64Array;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number | bigint;
      if (value < min || value > max) {
        const message = `the ${this.#from} value ${value} does not fit ${this.dtype} (${min} to ${max})`;
        fail("unsupported", "tensor.range", message, { path: this.#source.key });
      }
      if (isLong) target[i] = BigInt(value);
      else target[i] = Number(value);
    }
  }
}

/**
 * The tensor in another type: floats among one another, each value rounded once to nearest even; booleans and integers
 * among one another, checked while reading. Returns `tensor` itself when it has the type already.
 * @param onStatistics called with the counts of the whole tensor each time its elements have been read from first to
 *   last in order (in any number of reads). Not called for integers, nor when no cast is needed. Put the cast outside
 *   of other transforms: a transpose does not read in order.
 * @throws ConversionError at once between floats and integers; while reading for an integer that does not fit.
 */
export function cast(
  tensor: LazyTensor,
  dtype: DType,
  onStatistics?: (statistics: CastStatistics) => void,
): LazyTensor {
  const from = tensor.dtype;
  if (from === dtype) return tensor;
  if (isFloatDType(from) && isFloatDType(dtype)) return new FloatCast(tensor, from, dtype, onStatistics);
  const range = integerRange(dtype);
  if (range && integerRange(from) && isWholeByte(from) && isWholeByte(dtype)) {
    return new IntegerCast(tensor, from, dtype, range);
  }
  return fail("internal", "tensor.cast", `no cast from ${from} to ${dtype}`, { path: tensor.key });
}
