import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Digest, RemoteFile } from "./repository-files.ts";
import { isCommit } from "./repository-id.ts";

/** Symbolic links need a right on Windows that few accounts have, and some file systems know none. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "EACCES", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/**
 * One model in the cache that the Hub's Python tools use too:
 * `models--namespace--name/{blobs/<etag>, refs/<revision>, snapshots/<commit>/<path> -> blob}`.
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export class RepositoryCache {
  readonly folder: string;
  readonly blobs: string;
  readonly #locks: string;

  constructor(cacheDir: string, id: string) {
    const name = `models--${id.replace("/", "--")}`;
    this.folder = join(cacheDir, name);
    this.blobs = join(this.folder, "blobs");
    this.#locks = join(cacheDir, ".locks", name);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  blob({ hex }: Digest): string {
    return join(this.blobs, hex);
  }

  /** Not that of the Python tools (`<etag>.incomplete`): they append to theirs under a lock that we cannot hold. */
  partial({ hex }: Digest): string {
    return join(this.blobs, `${hex}.coreml-export.incomplete`);
  }

  /** Not the lock of the Python tools (`<etag>.lock`): theirs is held by `flock`, which Node.js lacks. */
  lock({ hex }: Digest): string {
    return join(this.#locks, `${hex}.coreml-export.lock`);
  }

  /** Whether a file of a snapshot is there, whole. */
  async has(commit: string, { path, size }: RemoteFile): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), path))) === size;
  }

  /** Makes a blob appear in a snapshot. @param fresh whether this blob has just been made */
  async place(commit: string, { path, digest }: RemoteFile, fresh: boolean, link = symlink): Promise<void> {
    const blob = this.blob(digest);
    const pointer = join(this.snapshot(commit), path);
    await mkdir(dirname(pointer), { recursive: true });
    // Beside its place first: a link cannot replace another, a rename does.
    const beside = join(this.folder, `.${randomBytes(6).toString("hex")}.incomplete`);
    try {
      await link(relative(dirname(pointer), blob), beside);
    } catch (error) {
      if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      // As the Python tools do: a file that others may share is copied.
      if (fresh) return await rename(blob, pointer);
      await copyFile(blob, beside);
    }
    try {
      await rename(beside, pointer);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }

  /** The commit that a branch or tag stood for when it was last asked for. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(this.#ref(revision), "utf8").catch(() => "");
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  /** Notes what a branch or tag stands for; a reader sees the old commit or the new one. */
  async setRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return;
    const ref = this.#ref(revision);
    await mkdir(dirname(ref), { recursive: true });
    const beside = join(this.folder, `.${randomBytes(6).toString("hex")}.incomplete`);
    await writeFile(beside, commit);
    await rename(beside, ref);
  }

  #ref(revision: string): string {
    return join(this.folder, "refs", revision);
  }
}

/** Bytes of a file, through links; undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
