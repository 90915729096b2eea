import { fail } from "../../diagnostics.ts";
import { elementCount } from "../../tensor/dtype.ts";
import type { Values } from "../../tensor/elements.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";
import { decoded, elementsOf, PIECE, sourceOf } from "./decode.ts";

/** The tensor of the mask's shape that holds `nonzero`, in order, where the mask is 1, and 0 elsewhere. */
export function sparseToDense(nonzero: LazyTensor, mask: LazyTensor): LazyTensor {
  const onesBefore = counted(mask);
  const held = elementCount(nonzero.shape);
  return decoded(nonzero.dtype, mask.shape, `dense(${nonzero.key}, ${mask.key})`, (start, out) => {
    const bits = elementsOf(mask, start, out.length);
    const [first, count] = [onesBefore(start), ones(bits)];
    if (first + count > held) mismatched(nonzero, held, "more");
    const values = elementsOf(nonzero, first, count);
    let next = 0;
    for (let i = 0; i < out.length; i++) out[i] = bits[i] === 0 ? 0 : (values[next++] as number);
  });
}

/** The `count` elements, in order, of a dense tensor where the mask is 1. */
export function selected(dense: LazyTensor, mask: LazyTensor, count: number): LazyTensor {
  const onesBefore = counted(mask);
  const size = elementCount(mask.shape);
  return decoded(dense.dtype, [count], `selected(${dense.key}, ${mask.key})`, (start, out) => {
    let at = 0;
    while (at + PIECE < size && onesBefore(at + PIECE) <= start) at += PIECE;
    let found = onesBefore(at);
    let filled = 0;
    for (; at < size && filled < out.length; at += PIECE) {
      const length = Math.min(PIECE, size - at);
      const [bits, values] = [elementsOf(mask, at, length), elementsOf(dense, at, length)];
      for (let i = 0; i < length && filled < out.length; i++) {
        if (bits[i] === 0) continue;
        if (found++ >= start) out[filled++] = values[i] as number;
      }
    }
    if (filled < out.length) mismatched(mask, count, "fewer");
  });
}

const mismatched = (tensor: LazyTensor, count: number, how: "more" | "fewer"): never =>
  fail("unreadable", "tensor.size", `the mask has ${how} ones than the ${count} values it selects`, {
    path: tensor.key,
  });

/** How many ones of a mask stand before a position; each piece of the mask is counted once. */
function counted(mask: LazyTensor): (position: number) => number {
  const before = [0];
  return (position) => {
    const piece = Math.floor(position / PIECE);
    for (let p = before.length - 1; p < piece; p++) {
      before.push((before[p] as number) + ones(elementsOf(mask, p * PIECE, PIECE)));
    }
    const rest = position - piece * PIECE;
    return (before[piece] as number) + (rest === 0 ? 0 : ones(elementsOf(mask, piece * PIECE, rest)));
  };
}

function ones(bits: Values): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) if (bits[i] !== 0) count++;
  return count;
}

/** Each entry `times` over along `axis`. */
export function repeatedAlong(mask: LazyTensor, axis: number, times: number): LazyTensor {
  if (times === 1) return mask;
  const shape = mask.shape.with(axis, (mask.shape[axis] as number) * times);
  const inner = elementCount(mask.shape.slice(axis + 1));
  return decoded(mask.dtype, shape, `repeated(${mask.key}, ${axis}, ${times})`, (start, out) => {
    const [first, last] = [sourceOf(start, inner, times), sourceOf(start + out.length - 1, inner, times)];
    const from = first - (first % inner);
    const bits = elementsOf(mask, from, last - (last % inner) + inner - from);
    for (let i = 0; i < out.length; i++) out[i] = bits[sourceOf(start + i, inner, times) - from] as number;
  });
}
