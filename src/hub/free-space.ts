import { stat, statfs } from "node:fs/promises";
import { type RepositoryCache, sizeOf } from "./cache.ts";
import { hubError } from "./refusal.ts";
import type { Commit, RemoteFile } from "./repository-files.ts";

/**
 * Says that the disk is too small before gigabytes have been fetched, not after.
 * @throws ConversionError (output) `hub.space`
 */
export async function checkSpace(cache: RepositoryCache, commit: Commit, files: readonly RemoteFile[]): Promise<void> {
  let needed = 0;
  for (const file of files) {
    if (await cache.has(commit.sha, file)) continue;
    if ((await sizeOf(cache.blob(file.digest))) === file.size) continue;
    needed += Math.max(0, file.size - (await occupied(cache.partial(file.digest))));
  }
  const { bavail, bsize } = await statfs(cache.folder);
  if (bavail * bsize >= needed) return;
  throw hubError("hub.space", `${needed} bytes are to be fetched, ${bavail * bsize} are free`, {
    kind: "output",
    path: cache.folder,
    hint: "make room, or choose another disk with --cache-dir or HF_HUB_CACHE",
  });
}

/** Bytes on the disk: a file that arrives in any order has holes. */
const occupied = async (path: string): Promise<number> =>
  stat(path).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );
