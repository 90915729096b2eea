import { decodeBfloat16, encodeBfloat16 } from "./bfloat16.ts";
import type { CastStatistics } from "./cast-statistics.ts";
import { bitsOf, type DType, isFloat } from "./dtype.ts";
import { decodeHalf, encodeHalf } from "./half.ts";
import { roundedToOdd } from "./round-to-odd.ts";
import { withScratch } from "./scratch.ts";

export type FloatDType = "fp16" | "bf16" | "fp32" | "fp64";

export const isFloatDType = (dtype: DType): dtype is FloatDType => isFloat(dtype);

const halves = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
const singles = (bytes: Uint8Array) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const patterns = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const doubles = (bytes: Uint8Array) => new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);

const SMALLEST_NORMAL_FP32 = 2 ** -126;

function narrowDoubles(source: Float64Array, out: Float32Array, statistics: CastStatistics): void {
  for (let i = 0; i < source.length; i++) {
    const value = source[i] as number;
    const nearest = Math.fround(value);
    out[i] = nearest;
    const magnitude = Math.abs(nearest);
    if (magnitude >= SMALLEST_NORMAL_FP32 && magnitude < Number.POSITIVE_INFINITY) continue;
    if (Number.isNaN(value)) statistics.nan++;
    else if (Math.abs(value) === Number.POSITIVE_INFINITY) statistics.infinite++;
    else if (magnitude === Number.POSITIVE_INFINITY) statistics.overflowed++;
    else if (magnitude === 0) statistics.flushed += value === 0 ? 0 : 1;
    else statistics.subnormal++;
  }
  statistics.elements += source.length;
}

function doublesToOdd(source: Float64Array, out: Uint32Array): void {
  for (let i = 0; i < source.length; i++) out[i] = roundedToOdd(source[i] as number);
}

function fromSingles(to: FloatDType, source: Uint8Array, out: Uint8Array, statistics: CastStatistics): void {
  switch (to) {
    case "fp16":
      encodeHalf(singles(source), halves(out), statistics);
      break;
    case "bf16":
      encodeBfloat16(singles(source), halves(out), statistics);
      break;
    case "fp32":
      out.set(source);
      break;
    case "fp64":
      doubles(out).set(singles(source));
      break;
  }
}

function toSingles(from: FloatDType, source: Uint8Array, out: Uint8Array): void {
  switch (from) {
    case "fp16":
      decodeHalf(halves(source), singles(out));
      break;
    case "bf16":
      decodeBfloat16(halves(source), singles(out));
      break;
    case "fp32":
      out.set(source);
      break;
    case "fp64":
      doublesToOdd(doubles(source), patterns(out));
      break;
  }
}

/**
 * Converts little-endian floats to another float type, each value rounded once, to nearest even. Both arrays must be
 * aligned for their types and hold the same number of elements, at most `CHUNK_BYTES` of them as fp32.
 * @param statistics what narrowing lost is added to it; a cast to a wider type counts nothing.
 */
export function castFloats(
  from: FloatDType,
  to: FloatDType,
  source: Uint8Array,
  out: Uint8Array,
  statistics: CastStatistics,
): void {
  if (from === "fp64" && to === "fp32") narrowDoubles(doubles(source), singles(out), statistics);
  else if (from === "fp32") fromSingles(to, source, out, statistics);
  else if (to === "fp32") toSingles(from, source, out);
  else {
    withScratch((source.length * 32) / bitsOf[from], (middle) => {
      toSingles(from, source, middle);
      fromSingles(to, middle, out, statistics);
    });
  }
}
