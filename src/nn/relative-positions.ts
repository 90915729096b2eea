import type { Dim } from "../mil/dim.ts";
import type { Tensor } from "../mil/tensor.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { range } from "./layers.ts";

/** A table [distances, d] of learned vectors; row `zero` is that of distance 0. */
export interface DistanceTable {
  readonly table: LazyTensor;
  readonly path: string;
  readonly zero: number;
}

/** Queries stand at `first … first + queries − 1`, keys at `0 … keys − 1`. */
export interface Span {
  readonly first: Dim;
  readonly queries: Dim;
  readonly keys: Dim;
}

/** The vector of each pair's distance, query minus key: [queries, keys, d]. */
function vectors(x: Tensor, { table, path, zero }: DistanceTable, { first, keys }: Span): Tensor {
  const row = range(x, first, keys).expand_dims({ axes: [1] });
  const column = range(x, 0, keys).expand_dims({ axes: [0] });
  return x.graph.weight(table, path).gather(row.sub(column).add(zero), { axis: 0 });
}

/** q[b, h, l, :] · table[l − r, :], as [b, h, l, r]. */
export function queryDistances(q: Tensor, table: DistanceTable, span: Span): Tensor {
  const [b, h, d] = [q.fixed(0), q.fixed(1), q.fixed(3)];
  // The position leads, so that one batched product serves all heads.
  const rows = q.transpose({ perm: [2, 0, 1, 3] }).reshape({ shape: [span.queries, b * h, d] });
  const scores = rows.matmul(vectors(q, table, span), { transpose_y: true });
  return scores.reshape({ shape: [span.queries, b, h, span.keys] }).transpose({ perm: [1, 2, 0, 3] });
}

/** k[b, h, r, :] · table[l − r, :], as [b, h, l, r]. */
export function keyDistances(k: Tensor, table: DistanceTable, span: Span): Tensor {
  const [b, h, d] = [k.fixed(0), k.fixed(1), k.fixed(3)];
  const rows = k.transpose({ perm: [2, 0, 1, 3] }).reshape({ shape: [span.keys, b * h, d] });
  const scores = rows.matmul(vectors(k, table, span).transpose({ perm: [1, 0, 2] }), { transpose_y: true });
  return scores.reshape({ shape: [span.keys, b, h, span.queries] }).transpose({ perm: [1, 2, 3, 0] });
}
