/**
 * Sub-byte integers as Core ML stores them: element i of a b-bit type takes bits [i·b, (i + 1)·b) of a bit stream whose
 * bit k is bit k mod 8, counted from the least significant, of byte k div 8. 3- and 6-bit elements cross byte borders.
 */

/** Packs the low `bits` (1 to 7) of each value; the unused bits of the last byte are zero. */
export function packBits(values: ArrayLike<number>, bits: number): Uint8Array {
  const packed = new Uint8Array(Math.ceil((values.length * bits) / 8));
  const mask = (1 << bits) - 1;
  let pending = 0;
  let pendingBits = 0;
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    pending |= ((values[i] as number) & mask) << pendingBits;
    pendingBits += bits;
    if (pendingBits >= 8) {
      packed[at++] = pending;
      pending >>>= 8;
      pendingBits -= 8;
    }
  }
  if (pendingBits > 0) packed[at] = pending;
  return packed;
}

/** The first `out.length` elements of a bit stream of `bits`-bit integers; signed when `out` is an `Int8Array`. */
export function unpackBits(packed: Uint8Array, bits: number, out: Uint8Array | Int8Array): void {
  const mask = (1 << bits) - 1;
  const signBit = out instanceof Int8Array ? 1 << (bits - 1) : 0;
  for (let i = 0; i < out.length; i++) {
    const bit = i * bits;
    const byte = Math.floor(bit / 8);
    const pair = (packed[byte] as number) | ((packed[byte + 1] ?? 0) << 8);
    const value = (pair >>> (bit % 8)) & mask;
    out[i] = value & signBit ? value - (1 << bits) : value;
  }
}
