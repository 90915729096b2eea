import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { fail } from "../diagnostics.ts";

/** A single system call reads at most 2^31 - 1 bytes. */
const MAX_READ = 1 << 30;

function openForReading(path: string): { path: string; size: number; descriptor: number } {
  try {
    const real = realpathSync(path);
    const status = statSync(real);
    if (status.isFile()) return { path: real, size: status.size, descriptor: openSync(real, "r") };
  } catch (cause) {
    return fail("unreadable", "file.open", `cannot open the file: ${(cause as Error).message}`, { path });
  }
  return fail("unreadable", "file.open", "expected a regular file", { path });
}

/** A regular file, open for reads at any offset. */
export class RandomAccessFile {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  #descriptor: number | undefined;

  /** @throws ConversionError (`file.open`) when the path is no readable regular file. */
  constructor(path: string) {
    const opened = openForReading(path);
    this.path = opened.path;
    this.size = opened.size;
    this.#descriptor = opened.descriptor;
  }

  /**
   * Fills `out` with the bytes from `offset` on.
   * @throws ConversionError (`file.read`) when the file ends before, the disk fails, or the file was closed.
   */
  read(offset: number, out: Uint8Array): void {
    if (this.#descriptor === undefined) fail("internal", "file.read", "read after close", { path: this.path });
    let done = 0;
    while (done < out.length) {
      const length = Math.min(out.length - done, MAX_READ);
      const got = this.#readSome(this.#descriptor, out, done, length, offset + done);
      if (got === 0) {
        const message = `the file ends at byte ${offset + done}, expected ${out.length} bytes from ${offset} on`;
        fail("unreadable", "file.read", message, { path: this.path });
      }
      done += got;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #readSome(descriptor: number, out: Uint8Array, at: number, length: number, position: number): number {
    try {
      return readSync(descriptor, out, at, length, position);
    } catch (cause) {
      const message = `cannot read ${length} bytes at ${position}: ${(cause as Error).message}`;
      return fail("unreadable", "file.read", message, { path: this.path });
    }
  }
}
