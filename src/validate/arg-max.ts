import type { HostTensor } from "../run/host-tensor.ts";
import type { ArgMaxAgreement } from "./comparison.ts";
import type { Positions } from "./positions.ts";

/**
 * Whether both sides point at the same place in each row along the last axis. A masked position is no candidate, and a
 * masked row none of the rows.
 * @param tieMargin the lead of the reference's largest value over the chosen one below which the two are a tie
 */
export function compareArgMax(
  actual: HostTensor,
  expected: HostTensor,
  positions: Positions | undefined,
  tieMargin: (largest: number) => number,
): ArgMaxAgreement {
  const { shape } = expected;
  const last = shape.length - 1;
  const columns = shape[last] ?? 1;
  const count = columns > 0 ? expected.data.length / columns : 0;
  const candidates = positions?.axis === last ? positions.kept : Array.from({ length: columns }, (_, i) => i);
  const kept = new Set(positions?.kept);
  let [rows, agreeing, ties] = [0, 0, 0];
  for (let row = 0; row < count; row++) {
    if (positions && positions.axis < last && !kept.has(positionOf(row, shape, positions.axis))) continue;
    rows++;
    const start = row * columns;
    const [found, wanted] = [argMax(actual, start, candidates), argMax(expected, start, candidates)];
    const [chosen, largest] = [expected.data[start + found] as number, expected.data[start + wanted] as number];
    if (found === wanted) agreeing++;
    else if (largest - chosen <= tieMargin(largest)) ties++;
  }
  return { rows, agreeing, ties };
}

/** Where a row, counted over all axes but the last, stands on `axis`. */
function positionOf(row: number, shape: readonly number[], axis: number): number {
  const inner = shape.slice(axis + 1, -1).reduce((n, d) => n * d, 1);
  return Math.floor(row / inner) % (shape[axis] ?? 1);
}

/** The first of the largest; -1 where there is no candidate. */
function argMax({ data }: HostTensor, start: number, candidates: readonly number[]): number {
  let best = candidates[0] ?? -1;
  for (const c of candidates) if ((data[start + c] as number) > (data[start + best] as number)) best = c;
  return best;
}
