import { closeSync, openSync, realpathSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fail } from "../diagnostics.ts";
import { byteLength, elementCount } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";

/** How much of a tensor is in memory at a time while it is copied. A multiple of every element's size. */
const CHUNK_ELEMENTS = 1 << 20;
/** Where tensors begin: a processor reads numbers fastest from a line of its cache. */
const ALIGNMENT = 64;

/**
 * A file that takes tensors which lie nowhere as such (transposed, widened, decoded), so that the executed graph maps
 * them from disk instead of holding them. It is made when the first tensor comes.
 */
export class Spill {
  /** Absolute, with symbolic links resolved. */
  readonly path: string;
  private file: number | undefined;
  private end = 0;

  /**
   * @param path where nothing stands yet
   * @throws ConversionError `run.disk` when there is no folder to hold it
   */
  constructor(path: string) {
    this.path = onDisk(path, () => join(realpathSync(dirname(path)), basename(path)));
  }

  /**
   * Writes the tensor and returns it at its place in the file.
   * @throws ConversionError `run.disk` when it cannot be written
   */
  place(tensor: LazyTensor): LazyTensor {
    const count = elementCount(tensor.shape);
    const offset = Math.ceil(this.end / ALIGNMENT) * ALIGNMENT;
    this.end = offset;
    for (let start = 0; start < count; start += CHUNK_ELEMENTS) {
      const n = Math.min(CHUNK_ELEMENTS, count - start);
      const bytes = new Uint8Array(byteLength(tensor.dtype, n));
      tensor.read(start, n, bytes);
      this.append(bytes);
    }
    return {
      dtype: tensor.dtype,
      shape: tensor.shape,
      key: tensor.key,
      at: { path: this.path, offset },
      read: (start, n, out) => tensor.read(start, n, out),
    };
  }

  private append(bytes: Uint8Array): void {
    onDisk(this.path, () => {
      // Nobody else reads it, and a file or link that someone put at its place is not followed.
      this.file ??= openSync(this.path, "wx", 0o600);
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(this.file, bytes, done, bytes.length - done, this.end);
        done += written;
        this.end += written;
      }
    });
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  remove(): void {
    this.close();
    rmSync(this.path, { force: true });
  }
}

function onDisk<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const message = `cannot write decoded weights: ${(cause as Error).message}`;
    return fail("validation", "run.disk", message, { path, hint: "free disk space, or set TMPDIR to a larger disk" });
  }
}
