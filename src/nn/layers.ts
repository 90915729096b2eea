// Blocks that architectures share. The input first, then where the weights are, then sizes.
import { addDims, type Dim } from "../mil/dim.ts";
import type { Tensor } from "../mil/tensor.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { reshaped, sliced, transposed } from "../tensor/views.ts";
import type { Weights } from "./weights.ts";

/** x[..., in] · Wᵀ + b, with W [out, in] as PyTorch's `nn.Linear` stores it. */
export function linear(x: Tensor, w: Weights, out: number, options: { readonly bias?: boolean } = {}): Tensor {
  const weight = named(x, w, "weight", w.get("weight", [out, x.fixed(-1)]));
  const bias = options.bias === false ? undefined : named(x, w, "bias", w.get("bias", [out]));
  return x.graph.scoped(w.path, () => x.linear(weight, bias ? { bias } : {}));
}

/** Transformers' `Conv1D`: the weight is stored [in, out]. */
export function conv1d(x: Tensor, w: Weights, out: number): Tensor {
  const weight = named(x, w, "weight", transposed(w.get("weight", [x.fixed(-1), out])));
  return x.graph.scoped(w.path, () => x.linear(weight, { bias: named(x, w, "bias", w.get("bias", [out])) }));
}

const named = (x: Tensor, w: Weights, name: string, tensor: LazyTensor): Tensor =>
  x.graph.weight(tensor, w.at(name).path);

/** Normalises the last dimension. */
export function layerNorm(x: Tensor, w: Weights, epsilon: number): Tensor {
  const size = x.fixed(-1);
  const [gamma, beta] = [named(x, w, "weight", w.get("weight", [size])), named(x, w, "bias", w.get("bias", [size]))];
  return x.graph.scoped(w.path, () => x.layer_norm({ axes: [-1], gamma, beta, epsilon }));
}

/** Rows of a table [rows, width] by ids. */
export function embedding(ids: Tensor, w: Weights, rows: number, width: number): Tensor {
  const table = named(ids, w, "weight", w.get("weight", [rows, width]));
  return ids.graph.scoped(w.path, () => table.gather(ids, { axis: 0 }));
}

/**
 * Rows `first … first + count − 1` of a position table, as [1, count, width]. Cut out while writing when both are
 * numbers, gathered by a range otherwise.
 */
export function positions(at: Tensor, table: LazyTensor, w: Weights, first: Dim, count: Dim): Tensor {
  const { graph } = at;
  const [rows, width] = table.shape as readonly [number, number];
  return graph.scoped(w.path, () => {
    if (typeof first === "number" && typeof count === "number") {
      const part = reshaped(sliced(table, 0, first, Math.min(rows, first + count)), [1, count, width]);
      return graph.weight(part, w.at("weight").path);
    }
    const row = range(at, first, addDims(first, count));
    return graph
      .weight(table, w.at("weight").path)
      .gather(row, { axis: 0 })
      .expand_dims({ axes: [0] });
  });
}

/** The integers from `start` up to `end`, int32 whether or not the lengths are known. */
export const range = ({ graph }: Tensor, start: Dim, end: Dim): Tensor =>
  graph.op.range_1d({ end: graph.dim(end), start: graph.dim(start), step: 1 });

/** [b, s, d] -> [b, d] at position `i`; -1 is the last. */
export function tokenAt(x: Tensor, i: number): Tensor {
  const others = [true, false, true];
  return x.slice_by_index({
    begin: [0, i, 0],
    end: [0, i + 1, 0],
    begin_mask: others,
    end_mask: i === -1 ? [true, true, true] : others,
    squeeze_mask: [false, true, false],
  });
}

/** x through `count` layers at `w.0`, `w.1`, …; operations without weights of their own carry their layer's name. */
export function stacked(
  x: Tensor,
  w: Weights,
  count: number,
  layer: (x: Tensor, w: Weights, i: number) => Tensor,
): Tensor {
  let y = x;
  for (let i = 0; i < count; i++) {
    const at = w.at(i);
    y = x.graph.scoped(at.path, () => layer(y, at, i));
  }
  return y;
}
