import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RepositoryCache } from "../../src/hub/cache.ts";
import type { RemoteFile } from "../../src/hub/repository-files.ts";

describe("RepositoryCache", () => {
  let folder: string;
  let cache: RepositoryCache;
  const commit = "c".repeat(40);
  const file: RemoteFile = { path: "a/b.txt", size: 5, digest: { algorithm: "git-sha1", hex: "b".repeat(40) } };
  const pointer = () => join(cache.snapshot(commit), "a/b.txt");
  const refuse = async () => {
    throw Object.assign(new Error("operation not permitted"), { code: "EPERM", syscall: "symlink" });
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cache-"));
    cache = new RepositoryCache(folder, "org/name");
    mkdirSync(cache.blobs, { recursive: true });
    writeFileSync(cache.blob(file.digest), "hello");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("links a snapshot's files to blobs, replacing what was there", async () => {
    mkdirSync(join(cache.snapshot(commit), "a"), { recursive: true });
    writeFileSync(pointer(), "old");
    expect(await cache.has(commit, file)).toBe(false);
    await cache.place(commit, file, true);
    expect(lstatSync(pointer()).isSymbolicLink()).toBe(true);
    expect(readFileSync(pointer(), "utf8")).toBe("hello");
    expect(await cache.has(commit, file)).toBe(true);
    expect(readdirSync(cache.folder).sort()).toEqual(["blobs", "snapshots"]);
  });

  it("without links moves a new blob and copies one that others may use, as the Python tools do", async () => {
    await cache.place(commit, file, false, refuse);
    expect([lstatSync(pointer()).isFile(), existsSync(cache.blob(file.digest))]).toEqual([true, true]);
    rmSync(pointer());
    await cache.place(commit, file, true, refuse);
    expect([lstatSync(pointer()).isFile(), existsSync(cache.blob(file.digest))]).toEqual([true, false]);
    expect(await cache.has(commit, file)).toBe(true);
    expect(readdirSync(cache.folder).sort()).toEqual(["blobs", "snapshots"]);
  });

  it("notes what branches stand for, and no commits", async () => {
    await cache.setRef("refs/pr/1", commit);
    await cache.setRef(commit, commit);
    expect(readdirSync(join(cache.folder, "refs"))).toEqual(["refs"]);
    expect(await cache.commitOf("refs/pr/1")).toBe(commit);
    expect(await cache.commitOf("main")).toBeUndefined();
    expect(await cache.commitOf(commit)).toBe(commit);
    writeFileSync(join(cache.folder, "refs/main"), "../../elsewhere");
    expect(await cache.commitOf("main")).toBeUndefined();
  });
});
