import { fail } from "../diagnostics.ts";
import { bitsOf } from "./dtype.ts";
import type { LazyTensor } from "./tensor.ts";

/**
 * One more read costs about as much as reading this many bytes more; below it, transforms read through a gap rather
 * than seek over it. A system call takes a microsecond or two, in which the page cache delivers some 8 KB.
 */
export const SEEK_BYTES = 8 << 10;

/** Bytes of one element, for transforms that move elements: sub-byte types, which no checkpoint holds, are refused. */
export function elementBytes(tensor: LazyTensor, transform: string): number {
  const bits = bitsOf[tensor.dtype];
  if (bits === 0 || bits % 8 !== 0) {
    fail("internal", "tensor.dtype", `${transform} does not take ${tensor.dtype}`, { path: tensor.key });
  }
  return bits / 8;
}

/** Splits a shape at an axis: how many rows, the axis itself, and the elements below it. */
export function splitAt(shape: readonly number[], axis: number): { outer: number; length: number; inner: number } {
  const product = (dims: readonly number[]) => dims.reduce((n, d) => n * d, 1);
  return {
    outer: product(shape.slice(0, axis)),
    length: shape[axis] as number,
    inner: product(shape.slice(axis + 1)),
  };
}

/** Throws unless `axis` is one of the tensor's axes, counted from 0. */
export function checkAxis(tensor: LazyTensor, axis: number): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= tensor.shape.length) {
    fail("internal", "tensor.axis", `no axis ${axis} in shape [${tensor.shape}]`, { path: tensor.key });
  }
}
