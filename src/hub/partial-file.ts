import { writeSync } from "node:fs";
import { appendFile, type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { sizeOf } from "./cache.ts";

/** Bytes `start` to `end - 1`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * A file that arrives in ranges, in any order, and what has arrived of it: a line `start-end` per range in a journal
 * beside it, written after the bytes. So a download goes on after its process was killed. After a power failure the
 * journal may promise bytes that are not there: whoever completes the file checks its digest.
 */
export class PartialFile {
  readonly path: string;
  readonly #journal: string;
  readonly #handle: FileHandle;
  readonly #arrived: Range[];

  private constructor(path: string, journal: string, handle: FileHandle, arrived: Range[]) {
    this.path = path;
    this.#journal = journal;
    this.#handle = handle;
    this.#arrived = arrived;
  }

  /** Opens what was left by an earlier process, or starts anew. */
  static async open(path: string): Promise<PartialFile> {
    const journal = journalOf(path);
    try {
      const handle = await open(path, "r+");
      return new PartialFile(path, journal, handle, await readJournal(journal, (await handle.stat()).size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await rm(journal, { force: true });
      return new PartialFile(path, journal, await open(path, "w+"), []);
    }
  }

  /** What has not arrived of a file of `size` bytes, in ranges of at most `longest`. */
  missing(size: number, longest: number): Range[] {
    const missing: Range[] = [];
    let at = 0;
    const upTo = (end: number): void => {
      for (; at < end; at = Math.min(at + longest, end)) missing.push({ start: at, end: Math.min(at + longest, end) });
    };
    for (const { start, end } of this.#arrived.toSorted((a, b) => a.start - b.start)) {
      upTo(Math.min(start, size));
      at = Math.max(at, end);
    }
    upTo(size);
    return missing;
  }

  /** How many bytes have arrived from the first one on, without a gap. */
  get reached(): number {
    return this.missing(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)[0]?.start ?? 0;
  }

  /** At once: handing a chunk to another thread takes several times as long as copying it into the system's cache. */
  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#handle.fd, bytes, done, bytes.length - done, position + done);
    }
  }

  /** Notes that a range has arrived; its bytes must have been written. */
  async note({ start, end }: Range): Promise<void> {
    if (start === end) return;
    this.#arrived.push({ start, end });
    await appendFile(this.#journal, `${start}-${end}\n`);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Gives the complete file its final name, or finds that another process has done so. */
  async moveTo(path: string, size: number): Promise<void> {
    try {
      await rename(this.path, path);
    } catch (error) {
      // Windows does not replace a file that is open.
      if ((await sizeOf(path)) !== size) throw error;
    }
    await this.remove();
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
    await rm(this.#journal, { force: true });
  }
}

const journalOf = (path: string): string => path.replace(/\.incomplete$/, ".ranges.incomplete");

/** The last line may have been cut off; ranges beyond the file's end were lost. */
async function readJournal(path: string, size: number): Promise<Range[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines
    .map((line) => /^(\d+)-(\d+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, start, end]) => ({ start: Number(start), end: Number(end) }))
    .filter(({ start, end }) => start < end && end <= size);
}
