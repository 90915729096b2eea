import { fail } from "../diagnostics.ts";
import { bitsOf, byteLength, type DType, elementCount } from "./dtype.ts";
import { decodeElements, type Elements, encodeElements, type Values } from "./elements.ts";
import type { LazyTensor } from "./tensor.ts";

class MemoryTensor implements LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly #bytes: Uint8Array;

  constructor(dtype: DType, shape: readonly number[], bytes: Uint8Array, key: string) {
    this.dtype = dtype;
    this.shape = shape;
    this.key = key;
    this.#bytes = bytes;
  }

  read(start: number, _count: number, out: Uint8Array): void {
    const from = (start * bitsOf[this.dtype]) / 8;
    out.set(this.#bytes.subarray(from, from + out.length));
  }
}

/**
 * A tensor over values in memory.
 * @param shape row-major; its product is the number of elements.
 * @param elements numbers, bigints or booleans. Floats are rounded to nearest even. A typed array of the fitting kind
 *   is kept, not copied: leave it unchanged afterwards.
 * @param key says what the values are; see `LazyTensor`.
 * @throws ConversionError when the count does not fit the shape or an integer does not fit the type.
 */
export function tensorOf(dtype: DType, shape: readonly number[], elements: Elements, key: string): LazyTensor {
  if (elements.length !== elementCount(shape)) {
    fail("internal", "tensor.size", `${elements.length} values for a tensor of shape [${shape}]`, { path: key });
  }
  return new MemoryTensor(dtype, shape, encodeElements(dtype, elements, key), key);
}

/**
 * A tensor over its little-endian bytes (sub-byte types packed from the least significant bit). They are not copied.
 * @throws ConversionError when the number of bytes does not fit dtype and shape.
 */
export function tensorOfBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array, key: string): LazyTensor {
  const expected = byteLength(dtype, elementCount(shape));
  if (bytes.length !== expected) {
    const message = `${bytes.length} bytes for ${dtype} elements of shape [${shape}], expected ${expected}`;
    fail("internal", "tensor.size", message, { path: key });
  }
  return new MemoryTensor(dtype, shape, bytes, key);
}

/**
 * Reads a whole tensor, meant for small ones: fp16 and bf16 come as fp32, 64-bit integers as fp64, sub-byte integers as
 * 8-bit ones, booleans as 0 and 1.
 * @throws ConversionError when the tensor cannot be read or holds an integer beyond 2^53.
 */
export function valuesOf(tensor: LazyTensor): Values {
  const count = elementCount(tensor.shape);
  const bytes = new Uint8Array(byteLength(tensor.dtype, count));
  tensor.read(0, count, bytes);
  return decodeElements(tensor.dtype, count, bytes, tensor.key);
}
