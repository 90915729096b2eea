import { addDims, type Dim } from "../mil/dim.ts";
import type { Tensor } from "../mil/tensor.ts";
import { range } from "./layers.ts";

/**
 * What stands in for minus infinity where attention is forbidden. Large enough that its exponential is 0 in fp32 and
 * fp16, small enough that a score may be added without overflow in fp16.
 */
const FORBIDDEN = 3e4;

/** One layer's keys and values, [1, heads, length, head size]. */
export interface KeyValue {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** [b, t] of 1 and 0 -> [b, 1, 1, t] to be added to scores: 0 where a key may be seen. */
export function paddingBias(mask: Tensor): Tensor {
  return mask.graph.scoped(mask.name, () => forbidding(mask.cast({ dtype: "fp32" }).expand_dims({ axes: [1, 2] })));
}

/** 0 where `seen` is 1, and far below zero where it is 0. */
const forbidding = (seen: Tensor): Tensor => seen.sub(1).mul(FORBIDDEN);

/**
 * The bias of a decoder: query i, standing at position `past + i`, sees keys up to itself, and of those the ones the
 * mask allows. One bias rather than the sum of two, which could overflow in fp16.
 * @returns [1, 1, s, past + s], or [b, …] with a mask
 */
export function causalBias(at: Tensor, mask: Tensor | undefined, past: Dim, count: Dim): Tensor {
  const total = addDims(past, count);
  const row = range(at, past, total).expand_dims({ axes: [1] });
  const column = range(at, 0, total).expand_dims({ axes: [0] });
  const causal = row.greater_equal(column).expand_dims({ axes: [0, 1] });
  const seen = mask ? causal.logical_and(mask.cast({ dtype: "bool" }).expand_dims({ axes: [1, 2] })) : causal;
  return forbidding(seen.cast({ dtype: "fp32" }));
}

/** [b, s, heads · d] -> [b, heads, s, d]. */
export const splitHeads = (x: Tensor, heads: number): Tensor =>
  x.reshape({ shape: [x.dim(0), x.dim(1), heads, x.fixed(-1) / heads] }).transpose({ perm: [0, 2, 1, 3] });

/** [b, heads, s, d] -> [b, s, heads · d]. */
export const mergeHeads = (x: Tensor): Tensor => {
  const [b, heads, s, d] = [x.dim(0), x.fixed(1), x.dim(2), x.fixed(3)];
  return x.transpose({ perm: [0, 2, 1, 3] }).reshape({ shape: [b, s, heads * d] });
};

/**
 * softmax(q · kᵀ · scale + bias) over heads already split, [b, heads, s, t].
 * @param scale of the scores; q is scaled rather than the product, whose range is what fp16 lacks
 */
export function attentionWeights(q: Tensor, k: Tensor, scale: number, bias: Tensor | undefined): Tensor {
  const scores = (scale === 1 ? q : q.mul(scale)).matmul(k, { transpose_y: true });
  return (bias ? scores.add(bias) : scores).softmax({ axis: -1 });
}

/** The weights of `attentionWeights` applied to v, [b, heads, s, d]. */
export const attend = (q: Tensor, k: Tensor, v: Tensor, scale: number, bias: Tensor | undefined): Tensor =>
  attentionWeights(q, k, scale, bias).matmul(v);

/** Keys and values of a call behind those of its past: [b, heads, past + s, d]. */
export function withPast(past: KeyValue | undefined, key: Tensor, value: Tensor): KeyValue {
  if (!past) return { key, value };
  const behind = (before: Tensor, now: Tensor): Tensor => now.graph.op.concat({ values: [before, now], axis: 2 });
  return { key: behind(past.key, key), value: behind(past.value, value) };
}
