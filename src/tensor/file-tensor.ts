import { bitsOf, type DType } from "./dtype.ts";
import type { RandomAccessFile } from "./random-access-file.ts";
import type { LazyTensor } from "./tensor.ts";

/** A tensor whose little-endian, row-major bytes lie in a file. */
class FileTensor implements LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly at: { readonly path: string; readonly offset: number };
  readonly #file: RandomAccessFile;

  constructor(file: RandomAccessFile, offset: number, dtype: DType, shape: readonly number[], key: string) {
    this.dtype = dtype;
    this.shape = shape;
    this.key = key;
    this.at = { path: file.path, offset };
    this.#file = file;
  }

  read(start: number, _count: number, out: Uint8Array): void {
    this.#file.read(this.at.offset + (start * bitsOf[this.dtype]) / 8, out);
  }
}

/** The tensor at a byte offset of an open file; it can be read until the file is closed. */
export const fileTensor = (
  file: RandomAccessFile,
  offset: number,
  dtype: DType,
  shape: readonly number[],
  key: string,
): LazyTensor => new FileTensor(file, offset, dtype, shape, key);
