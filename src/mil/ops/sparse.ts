import { elementCount } from "../../tensor/dtype.ts";
import { valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";
import { computed } from "./decode.ts";

/** The tensor of the mask's shape that holds `nonzero`, in order, where the mask is 1, and 0 elsewhere. */
export function sparseToDense(nonzero: LazyTensor, mask: LazyTensor): LazyTensor {
  return computed(nonzero.dtype, mask.shape, `dense(${nonzero.key}, ${mask.key})`, () => {
    const [values, bits] = [valuesOf(nonzero), valuesOf(mask)];
    const out = new Float64Array(bits.length);
    let next = 0;
    bits.forEach((bit, i) => {
      if (bit !== 0) out[i] = values[next++] as number;
    });
    return out;
  });
}

/** The `count` elements, in order, of a dense tensor where the mask is 1. */
export function selected(dense: LazyTensor, mask: LazyTensor, count: number): LazyTensor {
  return computed(dense.dtype, [count], `selected(${dense.key}, ${mask.key})`, () => {
    const [values, bits] = [valuesOf(dense), valuesOf(mask)];
    return Float64Array.from(values).filter((_, i) => bits[i] !== 0);
  });
}

/** Each entry `times` over along `axis`. */
export function repeatedAlong(mask: LazyTensor, axis: number, times: number): LazyTensor {
  if (times === 1) return mask;
  const shape = mask.shape.with(axis, (mask.shape[axis] as number) * times);
  return computed(mask.dtype, shape, `repeated(${mask.key}, ${axis}, ${times})`, () => {
    const [bits, inner] = [valuesOf(mask), elementCount(mask.shape.slice(axis + 1))];
    return Float64Array.from({ length: elementCount(shape) }, (_, i) => {
      const slice = Math.floor(i / inner);
      return bits[Math.floor(slice / times) * inner + (i % inner)] as number;
    });
  });
}
