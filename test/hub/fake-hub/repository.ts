import { createHash } from "node:crypto";

export interface FakeFile {
  readonly bytes: Buffer;
  /** Kept in LFS, and so served by the storage. */
  readonly lfs: boolean;
  /** Of the bytes. */
  readonly sha256: string;
  /** The id of what git keeps: the bytes, or the pointer to LFS. */
  readonly blob: string;
}

export const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** The id of a git blob. */
export const blobId = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** What git keeps of an LFS file: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
export const lfsPointer = (bytes: Buffer): Buffer =>
  Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${bytes.length}\n`);

/** A model repository on the fake Hub. */
export class FakeRepository {
  readonly id: string;
  readonly commits = new Map<string, ReadonlyMap<string, FakeFile>>();
  /** Branches, tags and `refs/pr/N`. */
  readonly refs = new Map<string, string>();
  /** Users who may read it when it is private, or who accepted its terms when it is gated. */
  readonly readers = new Set<string>();
  private = false;
  gated: false | "auto" | "manual" = false;
  disabled = false;

  constructor(id: string) {
    this.id = id;
  }

  /** Makes a commit of exactly these files. Names that end in .safetensors or .bin are LFS files. */
  commit(files: Readonly<Record<string, Buffer | string>>, ref = "main"): string {
    const entries = Object.entries(files).map(([path, contents]): [string, FakeFile] => {
      const bytes = Buffer.from(contents);
      const lfs = /\.(safetensors|bin)$/.test(path);
      return [path, { bytes, lfs, sha256: sha256(bytes), blob: blobId(lfs ? lfsPointer(bytes) : bytes) }];
    });
    const tree = new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
    const lines = Array.from(tree, ([path, { blob }]) => `${path} ${blob}`);
    const sha = createHash("sha1")
      .update(`${this.id} ${this.commits.size}\n${lines.join("\n")}`)
      .digest("hex");
    this.commits.set(sha, tree);
    this.refs.set(ref, sha);
    return sha;
  }

  commitOf(revision: string): string | undefined {
    return this.commits.has(revision) ? revision : this.refs.get(revision);
  }
}
