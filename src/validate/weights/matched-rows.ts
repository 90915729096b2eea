import type { TensorSource } from "../../checkpoint/checkpoint.ts";
import { elementCount, isFloat } from "../../tensor/dtype.ts";
import { tensorOf, valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";

/** Rows of a table that a package holds as a constant, because a tracer knew which ones are looked up. */
export interface MatchedRows {
  /** The table's name in the checkpoint. */
  readonly tensor: string;
  /** The checkpoint's rows, in the order of the package. */
  readonly expected: Float32Array;
  /** The table with these rows as the package has them. */
  readonly table: LazyTensor;
}

/** Multiplications that looking for rows may take; a table of 512 positions by 1024 needs a quarter of it. */
const MOST_WORK = 2 ** 30;

/**
 * The table of the checkpoint that rows were taken from (positions 0 to S, one segment S times), by the nearest row of
 * each; undefined when the rows of none are near enough.
 * @param rows [..., width]
 * @param limit the share of a row's size up to which another one is near enough
 */
export function matchRows(rows: LazyTensor, source: TensorSource, limit: number): MatchedRows | undefined {
  const width = rows.shape.at(-1) ?? 0;
  const count = elementCount(rows.shape.slice(0, -1));
  const tables = source.names().flatMap((name): (readonly [string, LazyTensor])[] => {
    const tensor = source.get(name);
    const [height = 0, ...rest] = tensor?.shape ?? [];
    const isTable = tensor && isFloat(tensor.dtype) && rest.length === 1 && rest[0] === width;
    return isTable && height * count * width <= MOST_WORK ? [[name, tensor]] : [];
  });
  if (tables.length === 0 || width === 0 || count === 0) return undefined;
  const own = Float32Array.from(valuesOf(rows), Number);
  let best: { readonly error: number; readonly found: () => MatchedRows } | undefined;
  for (const [tensor, lazy] of tables) {
    const table = Float32Array.from(valuesOf(lazy), Number);
    const { picked, error } = nearestRows(own, table, width);
    if (error < (best?.error ?? limit))
      best = { error, found: () => matched(tensor, table, lazy.shape, own, picked, width) };
  }
  return best?.found();
}

/** For each row the nearest of a table, and by how much the farthest is off, of its own size. */
function nearestRows(
  rows: Float32Array,
  table: Float32Array,
  width: number,
): { readonly picked: readonly number[]; readonly error: number } {
  const picked: number[] = [];
  let error = 0;
  for (let row = 0; row < rows.length; row += width) {
    let [at, least] = [0, Number.POSITIVE_INFINITY];
    for (let other = 0; other < table.length; other += width) {
      let distance = 0;
      for (let i = 0; i < width; i++) distance += ((rows[row + i] as number) - (table[other + i] as number)) ** 2;
      if (distance < least) [at, least] = [other / width, distance];
    }
    let size = 0;
    for (let i = 0; i < width; i++) size += (table[at * width + i] as number) ** 2;
    error = Math.max(error, size === 0 ? Number(least > 0) : Math.sqrt(least / size));
    picked.push(at);
  }
  return { picked, error };
}

function matched(
  tensor: string,
  table: Float32Array,
  shape: readonly number[],
  rows: Float32Array,
  picked: readonly number[],
  width: number,
): MatchedRows {
  const expected = Float32Array.from(
    rows,
    (_, i) => table[(picked[Math.floor(i / width)] as number) * width + (i % width)] ?? 0,
  );
  const replaced = table.slice();
  picked.forEach((at, row) => {
    replaced.set(rows.subarray(row * width, (row + 1) * width), at * width);
  });
  return { tensor, expected, table: tensorOf("fp32", shape, replaced, `${tensor}|as compressed`) };
}
