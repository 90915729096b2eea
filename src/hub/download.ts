import { stat, statfs } from "node:fs/promises";
import { join, posix } from "node:path";
import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import { RepositoryCache, sizeOf } from "./cache.ts";
import { type ClientOptions, HubClient } from "./client.ts";
import { fetchBlob, type OnBytes } from "./fetch-blob.ts";
import { withLock } from "./lock.ts";
import { INDEX, neededFiles, shardsOf, WEIGHTS } from "./needed-files.ts";
import { cachedCommit } from "./offline.ts";
import { inParallel } from "./parallel.ts";
import { hubError } from "./refusal.ts";
import { type Commit, listFolder, type RemoteFile, resolveCommit } from "./repository-files.ts";
import { checkRepositoryId, checkRevision } from "./repository-id.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** The file the last bytes belong to. */
  readonly file: string;
  /** Bytes that are there, those of earlier downloads included. */
  readonly done: number;
  readonly total: number;
}

export interface DownloadOptions extends Partial<HubSettings>, Pick<ClientOptions, "pause" | "idleMs"> {
  /** A branch, tag, commit, or `refs/pr/N`; `main` by default. */
  readonly revision?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface Download {
  /** The snapshot in the cache: a folder that `openCheckpoint` takes. */
  readonly folder: string;
  /** The commit, 40 hexadecimal digits. */
  readonly revision: string;
  /** What is worth knowing: `hub.renamed`. */
  readonly diagnostics: readonly Diagnostic[];
}

const SMALL_FILES_AT_ONCE = 4;

/**
 * Brings what a conversion needs of a model on the Hub into the cache that the Hub's Python tools use too, and nothing
 * else. Files that are there are not fetched; one that was being fetched when a process ended is completed.
 * Settings that are not given come from the environment (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_CACHE`, …).
 * @param id `namespace/name`
 * @throws ConversionError with codes `hub.*`; the signal's reason
 */
export async function download(id: string, options: DownloadOptions = {}): Promise<Download> {
  const { revision = "main", signal } = options;
  checkRepositoryId(id);
  checkRevision(revision);
  signal?.throwIfAborted();
  const { endpoint, token, cacheDir, offline } = hubSettings(options, process.env);
  const cache = new RepositoryCache(cacheDir, id);
  try {
    if (offline) {
      const commit = await cachedCommit(cache, id, revision);
      return { folder: cache.snapshot(commit), revision: commit, diagnostics: [] };
    }
    const client = new HubClient({ ...options, endpoint, token, id, revision });
    const commit = await resolveCommit(client);
    await bring(client, commit, cache, options.onProgress);
    await cache.setRef(revision, commit.sha);
    return { folder: cache.snapshot(commit.sha), revision: commit.sha, diagnostics: renamed(id, commit) };
  } catch (error) {
    throw isFileError(error) ? cacheError(error, cache.folder) : error;
  }
}

/** Fetches the files of a commit into its snapshot: the small ones first, as the index says which weights there are. */
async function bring(
  client: HubClient,
  commit: Commit,
  cache: RepositoryCache,
  onProgress: DownloadOptions["onProgress"],
): Promise<void> {
  const root = await listFolder(client, commit, "");
  const needed = neededFiles(
    Array.from(root, (file) => file.path),
    client.subject.id,
  );
  const small = root.filter(({ path }) => needed.descriptions.includes(path));
  await inParallel(small, SMALL_FILES_AT_ONCE, client.signal, (file, signal) =>
    bringFile(client.until(signal), commit, cache, file, () => undefined),
  );

  const names = needed.weights === "single" ? [WEIGHTS] : shardsOf(join(cache.snapshot(commit.sha), INDEX));
  const weights = await describe(client, commit, root, names);
  await checkSpace(cache, commit, weights);
  const total = [...small, ...weights].reduce((sum, { size }) => sum + size, 0);
  let done = small.reduce((sum, { size }) => sum + size, 0);
  // One after the other: each uses all connections.
  for (const file of weights) {
    await bringFile(client, commit, cache, file, (bytes) => {
      done += bytes;
      onProgress?.({ file: file.path, done, total });
    });
  }
}

async function bringFile(
  client: HubClient,
  commit: Commit,
  cache: RepositoryCache,
  file: RemoteFile,
  onBytes: OnBytes,
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

/** The files of these names, whose folders are listed where they are not in the root. */
async function describe(
  client: HubClient,
  commit: Commit,
  root: readonly RemoteFile[],
  names: readonly string[],
): Promise<RemoteFile[]> {
  const folders = new Set(names.map((name) => posix.dirname(name)).filter((folder) => folder !== "."));
  const files = new Map(root.map((file) => [file.path, file]));
  for (const folder of folders) {
    for (const file of await listFolder(client, commit, folder)) files.set(file.path, file);
  }
  const missing = names.filter((name) => !files.has(name));
  if (missing.length > 0) {
    const shown = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ", …" : "");
    throw hubError("hub.index", `${INDEX} names files that the repository lacks: ${shown}`, {
      path: client.subject.id,
    });
  }
  return names.map((name) => files.get(name)).filter((file) => file !== undefined);
}

/** Said before gigabytes have been fetched, not after. */
async function checkSpace(cache: RepositoryCache, commit: Commit, files: readonly RemoteFile[]): Promise<void> {
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

const renamed = (id: string, commit: Commit): Diagnostic[] =>
  commit.id === id
    ? []
    : [{ code: "hub.renamed", severity: "warning", path: id, message: `the model is called ${commit.id} now` }];

const isFileError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && !(error instanceof ConversionError) && "syscall" in error;

const cacheError = (error: NodeJS.ErrnoException, folder: string): ConversionError =>
  hubError("hub.cache", `cannot keep the model in the cache: ${error.message}`, {
    kind: "output",
    path: folder,
    hint: "choose another folder with --cache-dir or HF_HUB_CACHE",
    cause: error,
  });
