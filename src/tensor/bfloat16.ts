import { type CastStatistics, noStatistics } from "./cast-statistics.ts";

/**
 * bfloat16 (bf16): the upper half of an fp32. Encoding rounds to nearest, ties to even, and keeps a NaN a (quiet) NaN.
 */

const FP32_INFINITY = 0x7f800000;
const SMALLEST_NORMAL = 0x00800000;

/** Converts bf16 bits to fp32, exactly. */
export function decodeBfloat16(source: Uint16Array, out: Float32Array): void {
  const patterns = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < source.length; i++) patterns[i] = (source[i] as number) << 16;
}

/**
 * Converts fp32 to bf16 bits.
 * @param statistics counts are added to it.
 */
export function encodeBfloat16(
  source: Float32Array,
  out: Uint16Array,
  statistics: CastStatistics = noStatistics(),
): void {
  const patterns = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i] as number;
    const magnitude = pattern & 0x7fffffff;
    if (magnitude > FP32_INFINITY) {
      statistics.nan++;
      out[i] = (pattern >>> 16) | 0x40;
      continue;
    }
    const rounded = (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
    out[i] = rounded;
    if (magnitude < SMALLEST_NORMAL) {
      if ((rounded & 0x7fff) === 0) statistics.flushed += magnitude === 0 ? 0 : 1;
      else if ((rounded & 0x7fff) < 0x80) statistics.subnormal++;
    } else if ((rounded & 0x7fff) === 0x7f80) {
      if (magnitude === FP32_INFINITY) statistics.infinite++;
      else statistics.overflowed++;
    }
  }
  statistics.elements += patterns.length;
}
