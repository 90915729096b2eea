import { readdirSync, realpathSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fail } from "../diagnostics.ts";
import { isInside, mayLead, snapshotOf } from "./links.ts";

/** Refuses names that would leave the folder on any operating system, whatever the files there are. */
const isPlainName = (name: string): boolean =>
  name !== "" && !/[\\:\0]/.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/**
 * A local checkpoint folder. Files are looked up by names that may come from a file someone else made, so no name and
 * no symbolic link leads out of it; except in the Hub's cache (`models--org--name/snapshots/<revision>/`), where each
 * file is a link into `models--org--name/blobs/`.
 */
export class Folder {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  readonly name: string;
  /** The commit of a snapshot in the Hub's cache. */
  readonly revision: string | undefined;
  readonly #blobs: string | undefined;

  /** @throws ConversionError (`checkpoint.folder`) when there is no such folder. */
  constructor(path: string) {
    this.path = realFolder(resolve(path));
    const snapshot = snapshotOf(this.path);
    this.#blobs = snapshot?.blobs;
    this.revision = snapshot && /^[0-9a-f]{40}$/.test(snapshot.revision) ? snapshot.revision : undefined;
    this.name = snapshot?.path === this.path ? snapshot.repository : basename(this.path);
  }

  /** The SHA-256 of an LFS file in the Hub's cache, which is the name of its blob. @param real symbolic links resolved */
  sha256(real: string): string | undefined {
    const hash = basename(real);
    return this.#blobs !== undefined && isInside(real, this.#blobs) && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
  }

  /**
   * The absolute path of a file of the folder, or undefined when it is not there.
   * @throws ConversionError (`checkpoint.path`) when the name leads out of the folder, `checkpoint.file` when something
   * else than a file stands there.
   */
  file(name: string): string | undefined {
    if (!isPlainName(name)) {
      fail("unreadable", "checkpoint.path", `${JSON.stringify(name)} is no plain name of a file in the folder`, {
        path: this.path,
      });
    }
    const path = join(this.path, name);
    const real = realFile(path);
    if (real === undefined) return undefined;
    if (!mayLead(this.path, real)) {
      fail("unreadable", "checkpoint.path", "the file is a symbolic link that leads out of the checkpoint's folder", {
        path,
        hint: "copy the file into the folder",
      });
    }
    // A pipe or a device would be read without end.
    if (!statSync(real).isFile()) fail("unreadable", "checkpoint.file", "expected a regular file", { path });
    return path;
  }

  /** The names of what lies in the folder, sorted. */
  entries(): string[] {
    return readdirSync(this.path).sort();
  }
}

function realFolder(path: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (cause) {
    const message = `cannot open the checkpoint's folder: ${(cause as Error).message}`;
    return fail("unreadable", "checkpoint.folder", message, { path });
  }
  return fail("unreadable", "checkpoint.folder", "expected the folder of a checkpoint, found a file", { path });
}

function realFile(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined;
    return fail("unreadable", "checkpoint.path", `cannot resolve the path: ${(cause as Error).message}`, { path });
  }
}
