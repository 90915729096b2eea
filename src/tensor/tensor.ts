import type { DType } from "./dtype.ts";

/**
 * A tensor whose bytes are fetched when asked for: a slice of a checkpoint or of a weight file, a view of another
 * tensor, or values in memory. Everything that can be large is passed around in this form, so that memory does not
 * grow with the model.
 */
export interface LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /**
   * What the values are: the checkpoint path, followed by the transforms applied (`h.0.attn.c_attn.weight|T`).
   * Two tensors with one key hold the same values and share one blob.
   */
  readonly key: string;
  /**
   * Where the bytes lie unchanged, row-major and little-endian, if they do. Lets a reader map them instead of copying.
   * `path` is absolute with symbolic links resolved; `offset` is in bytes.
   */
  readonly at?: { readonly path: string; readonly offset: number };
  /**
   * Copies the row-major elements `[start, start + count)` into `out` as little-endian bytes of `dtype`.
   * For sub-byte types `start` must fall on a byte boundary. `out.length` is exactly the bytes of `count` elements.
   * @throws ConversionError when the file cannot be read.
   */
  read(start: number, count: number, out: Uint8Array): void;
}
