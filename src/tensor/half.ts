import { type CastStatistics, noStatistics } from "./cast-statistics.ts";
import { roundedToOdd } from "./round-to-odd.ts";

/**
 * IEEE 754 binary16 (fp16): 1 sign bit, 5 exponent bits (bias 15), 10 mantissa bits. All conversions round to nearest,
 * ties to even, keep signed zeros and infinities, and keep a NaN a (quiet) NaN.
 */

/** fp32 magnitudes, as bits, where the shape of the result changes. */
const FP32_INFINITY = 0x7f800000;
/** 2^-14, the smallest normal half. */
const SMALLEST_NORMAL = 0x38800000;
/** 65,520: from here on the nearest half is infinity. */
const OVERFLOW = 0x477ff000;
const NORMAL_RANGE = OVERFLOW - SMALLEST_NORMAL;
/** Bits that fp32 has and fp16 has not. */
const DROPPED = 13;
/**
 * Added to `magnitude - SMALLEST_NORMAL` before the dropped bits are shifted out: the half's exponent field of 1, and
 * just under half a unit in the last place; the last kept bit, added too, sends ties to even. A carry out of the
 * mantissa lands in the exponent, which is what it should do.
 */
const REBIAS_AND_ROUND = (0x400 << DROPPED) + 0xfff;

/** The half nearest to an fp32 bit pattern; counts what is not a plain normal number. */
function narrowed(pattern: number, statistics: CastStatistics): number {
  const sign = (pattern >>> 16) & 0x8000;
  const magnitude = pattern & 0x7fffffff;
  const aboveNormal = magnitude - SMALLEST_NORMAL;
  if (aboveNormal >>> 0 < NORMAL_RANGE) {
    return sign | ((aboveNormal + REBIAS_AND_ROUND + ((aboveNormal >> DROPPED) & 1)) >> DROPPED);
  }
  if (magnitude > FP32_INFINITY) {
    statistics.nan++;
    return sign | 0x7e00 | ((magnitude >>> DROPPED) & 0x3ff);
  }
  if (magnitude === FP32_INFINITY) {
    statistics.infinite++;
    return sign | 0x7c00;
  }
  if (magnitude >= OVERFLOW) {
    statistics.overflowed++;
    return sign | 0x7c00;
  }
  if (magnitude === 0) return sign;
  // A subnormal half counts units of 2^-24; an fp32 below 2^-25 (exponent field 102) is nearer to none than to one.
  const exponent = magnitude >>> 23;
  let units = 0;
  if (exponent >= 102) {
    const mantissa = (magnitude & 0x7fffff) | 0x800000;
    const shift = 126 - exponent;
    units = (mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift;
  }
  if (units === 0) statistics.flushed++;
  else if (units < 0x400) statistics.subnormal++;
  return sign | units;
}

function narrowEach(
  patterns: Int32Array,
  out: Uint16Array,
  start: number,
  end: number,
  statistics: CastStatistics,
): void {
  for (let i = start; i < end; i++) out[i] = narrowed(patterns[i] as number, statistics);
}

/** The fp32 bit pattern of a half's bits. */
function widened(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return sign | FP32_INFINITY | ((magnitude & 0x3ff) << DROPPED);
  if (magnitude >= 0x400) return sign | ((magnitude << DROPPED) + SMALLEST_NORMAL - (0x400 << DROPPED));
  if (magnitude === 0) return sign;
  // 31 - clz32 is the position p of the leading bit: the value is 2^(p - 24) times a mantissa of p bits.
  const leading = 31 - Math.clz32(magnitude);
  return sign | ((leading + 103) << 23) | ((magnitude << (23 - leading)) & 0x7fffff);
}

/**
 * Converts fp32 to fp16 bits. The inner loop of a float16 conversion: four elements a turn, because four normal
 * numbers, by far the most frequent case in weights, then cost one loop test and no call.
 * @param source fp32 values; `out` gets as many halves, as bits.
 * @param statistics counts are added to it.
 */
export function encodeHalf(source: Float32Array, out: Uint16Array, statistics: CastStatistics = noStatistics()): void {
  const patterns = new Int32Array(source.buffer, source.byteOffset, source.length);
  const count = patterns.length;
  const grouped = count & ~3;
  for (let i = 0; i < grouped; i += 4) {
    const p = patterns[i] as number;
    const q = patterns[i + 1] as number;
    const r = patterns[i + 2] as number;
    const s = patterns[i + 3] as number;
    const a = (p & 0x7fffffff) - SMALLEST_NORMAL;
    const b = (q & 0x7fffffff) - SMALLEST_NORMAL;
    const c = (r & 0x7fffffff) - SMALLEST_NORMAL;
    const d = (s & 0x7fffffff) - SMALLEST_NORMAL;
    if (a >>> 0 < NORMAL_RANGE && b >>> 0 < NORMAL_RANGE && c >>> 0 < NORMAL_RANGE && d >>> 0 < NORMAL_RANGE) {
      out[i] = ((p >> 16) & 0x8000) | ((a + REBIAS_AND_ROUND + ((a >> DROPPED) & 1)) >> DROPPED);
      out[i + 1] = ((q >> 16) & 0x8000) | ((b + REBIAS_AND_ROUND + ((b >> DROPPED) & 1)) >> DROPPED);
      out[i + 2] = ((r >> 16) & 0x8000) | ((c + REBIAS_AND_ROUND + ((c >> DROPPED) & 1)) >> DROPPED);
      out[i + 3] = ((s >> 16) & 0x8000) | ((d + REBIAS_AND_ROUND + ((d >> DROPPED) & 1)) >> DROPPED);
    } else {
      narrowEach(patterns, out, i, i + 4, statistics);
    }
  }
  narrowEach(patterns, out, grouped, count, statistics);
  statistics.elements += count;
}

/** Converts fp16 bits to fp32, exactly. */
export function decodeHalf(source: Uint16Array, out: Float32Array): void {
  const patterns = new Int32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < source.length; i++) patterns[i] = widened(source[i] as number);
}

/** The bits of the half nearest to a number, rounded once from fp64. */
export const halfBits = (value: number): number => narrowed(roundedToOdd(value), noStatistics());

/** The number that fp16 bits stand for. */
export function halfValue(bits: number): number {
  const value = new Float32Array(1);
  decodeHalf(Uint16Array.of(bits), value);
  return value[0] as number;
}

/** The nearest number that fp16 can hold; 65,520 and above become Infinity. */
export const roundToHalf = (value: number): number => halfValue(halfBits(value));
