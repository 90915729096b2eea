/** The most memory one step of a lazy transform takes, whatever the size of its tensor. */
export const CHUNK_BYTES = 4 << 20;

/** Reads are synchronous, so that buffers in use nest; there are never more than transforms stacked on one tensor. */
const idle: ArrayBuffer[] = [];

/** Lends `use` a buffer of `bytes` (at most `CHUNK_BYTES`) with arbitrary contents, aligned for every type. */
export function withScratch<T>(bytes: number, use: (scratch: Uint8Array<ArrayBuffer>) => T): T {
  const buffer = idle.pop() ?? new ArrayBuffer(CHUNK_BYTES);
  try {
    return use(new Uint8Array(buffer, 0, bytes));
  } finally {
    idle.push(buffer);
  }
}

/**
 * Has `fill` write into `out`, or into a scratch buffer that is copied to `out` when `out` does not lie on a multiple
 * of `alignment` bytes, as typed arrays demand. `out` is at most `CHUNK_BYTES` long.
 */
export function fillAligned(out: Uint8Array, alignment: number, fill: (aligned: Uint8Array) => void): void {
  if (out.byteOffset % alignment === 0) fill(out);
  else {
    withScratch(out.length, (scratch) => {
      fill(scratch);
      out.set(scratch);
    });
  }
}
