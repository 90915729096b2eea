import { closeSync, openSync, writeSync } from "node:fs";
import { byteLength, elementCount } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";

/** How much of a tensor is in memory at a time while it is copied. A multiple of every element's size. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * A file that takes tensors which lie nowhere as such (transposed, widened), so that the executed graph maps them from
 * disk instead of holding them. Whoever makes it removes the file.
 */
export class Spill {
  readonly path: string;
  private readonly file: number;
  private end = 0;

  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, "w");
  }

  /** Writes the tensor and returns it at its place in the file. */
  place(tensor: LazyTensor): LazyTensor {
    const count = elementCount(tensor.shape);
    const offset = this.end;
    for (let start = 0; start < count; start += CHUNK_ELEMENTS) {
      const n = Math.min(CHUNK_ELEMENTS, count - start);
      const bytes = new Uint8Array(byteLength(tensor.dtype, n));
      tensor.read(start, n, bytes);
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(this.file, bytes, done, bytes.length - done, this.end);
        done += written;
        this.end += written;
      }
    }
    return {
      dtype: tensor.dtype,
      shape: tensor.shape,
      key: tensor.key,
      at: { path: this.path, offset },
      read: (start, n, out) => tensor.read(start, n, out),
    };
  }

  close(): void {
    closeSync(this.file);
  }
}
