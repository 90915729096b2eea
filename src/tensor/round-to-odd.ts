const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The fp32 bits of an fp64 value, rounded to odd: truncated, and the last bit set where anything was cut off. Rounding
 * the result once more to nearest, to a type of at most 22 bits of precision, gives what rounding the fp64 value once
 * would give; two roundings to nearest do not.
 * Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums": https://hal.science/inria-00080427
 */
export function roundedToOdd(value: number): number {
  float[0] = value;
  const nearest = float[0];
  const pattern = bits[0] as number;
  if (nearest === value || Number.isNaN(value)) return pattern;
  return (Math.abs(nearest) > Math.abs(value) ? pattern - 1 : pattern) | 1;
}
