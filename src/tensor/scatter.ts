/** Elements to be moved, whatever they mean. */
export type Words = Uint8Array | Uint16Array | Uint32Array;

/** Views bytes as words of 1, 2 or 4 bytes. */
export function wordsIn(bytes: Uint8Array, wordBytes: number): Words {
  const count = bytes.length / wordBytes;
  if (wordBytes === 4) return new Uint32Array(bytes.buffer, bytes.byteOffset, count);
  if (wordBytes === 2) return new Uint16Array(bytes.buffer, bytes.byteOffset, count);
  return bytes;
}

/** Words moved per visit of a column: their sources stay in the processor's first-level cache from row to row. */
const TILE = 16;

/**
 * Copies the row-major block `source` of shape `dims` to places `strides` apart in `target`, its first word to `base`.
 * Words whose place lies outside of `target` are left out.
 */
export function scatter(
  source: Words,
  dims: readonly number[],
  strides: readonly number[],
  target: Words,
  base: number,
): void {
  const last = dims.length - 1;
  const dense = strides.indexOf(1);
  const steps = dims.map((_, axis) => dims.slice(axis + 1).reduce((n, d) => n * d, 1));
  const rows = { count: dims[dense] as number, step: steps[dense] as number };
  const visit = (axis: number, from: number, to: number): void => {
    if (axis === dims.length) {
      if (dense === last) copyRun(source, from, dims[last] as number, target, to);
      else transposePlane(source, from, rows, dims[last] as number, target, to, strides[last] as number);
    } else if (axis === last || axis === dense) {
      visit(axis + 1, from, to);
    } else {
      for (let i = 0; i < (dims[axis] as number); i++) {
        visit(axis + 1, from + i * (steps[axis] as number), to + i * (strides[axis] as number));
      }
    }
  };
  visit(0, 0, base);
}

function copyRun(source: Words, from: number, count: number, target: Words, to: number): void {
  const skipped = Math.max(0, -to);
  const end = Math.min(count, target.length - to);
  if (skipped < end) target.set(source.subarray(from + skipped, from + end), to + skipped);
}

/** Rows, `rows.step` apart in the source, become columns: side by side in the target, which has rows `stride` apart. */
function transposePlane(
  source: Words,
  from: number,
  rows: { readonly count: number; readonly step: number },
  columns: number,
  target: Words,
  to: number,
  stride: number,
): void {
  const { length } = target;
  const { step } = rows;
  for (let tile = 0; tile < rows.count; tile += TILE) {
    const height = Math.min(TILE, rows.count - tile);
    for (let column = 0; column < columns; column++) {
      const read = from + tile * step + column;
      const write = to + tile + column * stride;
      for (let i = 0; i < height; i++) {
        const place = write + i;
        if (place >= 0 && place < length) target[place] = source[read + i * step] as number;
      }
    }
  }
}
