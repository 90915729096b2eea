import { fail } from "../diagnostics.ts";
import { bitsOf, type DType, elementCount } from "./dtype.ts";
import type { LazyTensor } from "./tensor.ts";

class ContiguousView implements LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly at?: { readonly path: string; readonly offset: number };
  readonly #source: LazyTensor;
  readonly #start: number;

  constructor(source: LazyTensor, start: number, shape: readonly number[], key: string) {
    this.dtype = source.dtype;
    this.shape = shape;
    this.key = key;
    this.#source = source;
    this.#start = start;
    if (source.at) this.at = { path: source.at.path, offset: source.at.offset + (start * bitsOf[source.dtype]) / 8 };
  }

  read(start: number, count: number, out: Uint8Array): void {
    this.#source.read(this.#start + start, count, out);
  }
}

/**
 * Row-major elements of `source` from `start` on, under another shape: what slices along the first axis, reshapes and
 * moves of axes of length 1 come down to. Keeps `at`.
 */
export function contiguousView(source: LazyTensor, start: number, shape: readonly number[], key: string): LazyTensor {
  if ((start * bitsOf[source.dtype]) % 8 !== 0) {
    fail("internal", "tensor.slice", `element ${start} of type ${source.dtype} does not start a byte`, {
      path: source.key,
    });
  }
  return new ContiguousView(source, start, shape, key);
}

/**
 * The same elements under another shape (no -1). Returns `tensor` itself when the shape is the same.
 * @throws ConversionError when the number of elements differs.
 */
export function reshaped(tensor: LazyTensor, shape: readonly number[]): LazyTensor {
  if (shape.length === tensor.shape.length && shape.every((d, i) => d === tensor.shape[i])) return tensor;
  if (elementCount(shape) !== elementCount(tensor.shape)) {
    fail("internal", "tensor.reshape", `[${tensor.shape}] cannot be reshaped to [${shape}]`, { path: tensor.key });
  }
  return contiguousView(tensor, 0, shape, `${tensor.key}|reshape(${shape})`);
}
