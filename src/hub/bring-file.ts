import { type RepositoryCache, sizeOf } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { fetchBlob, type OnBytes } from "./fetch-blob.ts";
import { withLock } from "./lock.ts";
import type { Commit, RemoteFile } from "./repository-files.ts";

/**
 * Makes a file of a commit appear in its snapshot; what is there is not fetched again.
 * @param onBytes hears of bytes that were there too
 * @throws ConversionError; the client's signal's reason
 */
export async function bringFile(
  client: HubClient,
  commit: Commit,
  cache: RepositoryCache,
  file: RemoteFile,
  onBytes: OnBytes = () => undefined,
): Promise<void> {
  const isThere = () => cache.has(commit.sha, file);
  if (await isThere()) return onBytes(file.size);
  await withLock(cache.lock(file.digest), client.signal, async () => {
    // Another process may have brought it while this one waited.
    if (await isThere()) return onBytes(file.size);
    const hasBlob = (await sizeOf(cache.blob(file.digest))) === file.size;
    if (hasBlob) onBytes(file.size);
    else await fetchBlob(client, commit, file, cache, onBytes);
    await cache.place(commit.sha, file, !hasBlob);
  });
}
