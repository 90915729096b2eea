import type { HeaderBytes } from "../checkpoint/safetensors-header.ts";
import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import { RepositoryCache } from "./cache.ts";
import { type ClientOptions, HubClient } from "./client.ts";
import { cachedCommit } from "./offline.ts";
import { hubError } from "./refusal.ts";
import { type DownloadProgress, RemoteModel, type Wish } from "./remote-model.ts";
import { type Commit, resolveCommit } from "./repository-files.ts";
import { checkRepositoryId, checkRevision } from "./repository-id.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

export interface HubOptions extends Partial<HubSettings>, Pick<ClientOptions, "pause" | "idleMs"> {
  /** A branch, tag, commit, or `refs/pr/N`; `main` by default. */
  readonly revision?: string;
  readonly signal?: AbortSignal;
}

export interface DownloadOptions extends HubOptions {
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

/** A model on the Hub at one commit, of which nothing need be in the cache yet. */
export interface FoundModel extends Download {
  /** False offline: what the cache has is all there is. */
  readonly isRemote: boolean;
  /**
   * The header of each weight file by name, fetched by range requests; the small files are in the snapshot then.
   * Undefined offline: all is in the cache.
   * @throws ConversionError with codes `hub.*`
   */
  headers(): Promise<ReadonlyMap<string, HeaderBytes> | undefined>;
  /**
   * Brings everything into the snapshot.
   * @param also files beside those a conversion needs
   * @throws ConversionError with codes `hub.*`; the signal's reason
   */
  bring(onProgress?: DownloadOptions["onProgress"], also?: readonly Wish[]): Promise<void>;
}

/**
 * Brings what a conversion needs of a model on the Hub into the cache that the Hub's Python tools use too, and nothing
 * else. Files that are there are not fetched; one that was being fetched when a process ended is completed.
 * Settings that are not given come from the environment (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_CACHE`, …).
 * @param id `namespace/name`
 * @throws ConversionError with codes `hub.*`; the signal's reason
 */
export async function download(id: string, options: DownloadOptions = {}): Promise<Download> {
  const { folder, revision, diagnostics, bring } = await findModel(id, options);
  await bring(options.onProgress);
  return { folder, revision, diagnostics };
}

/**
 * Asks the Hub which commit a model's revision stands for; fetches nothing yet.
 * @throws ConversionError with codes `hub.*`; the signal's reason
 */
export async function findModel(id: string, options: HubOptions = {}): Promise<FoundModel> {
  const { revision = "main", signal } = options;
  checkRepositoryId(id);
  checkRevision(revision);
  signal?.throwIfAborted();
  const { endpoint, token, cacheDir, offline } = hubSettings(options, process.env);
  const cache = new RepositoryCache(cacheDir, id);
  const guarded = <T>(work: () => Promise<T>): Promise<T> =>
    work().catch((error: unknown) => {
      throw isFileError(error) ? cacheError(error, cache.folder) : error;
    });
  if (offline) {
    const commit = await guarded(() => cachedCommit(cache, id, revision));
    const found = { folder: cache.snapshot(commit), revision: commit, diagnostics: [], isRemote: false };
    return { ...found, headers: async () => undefined, bring: async () => undefined };
  }
  const client = new HubClient({ ...options, endpoint, token, id, revision });
  const commit = await resolveCommit(client);
  const model = new RemoteModel(client, commit, cache);
  return {
    folder: cache.snapshot(commit.sha),
    revision: commit.sha,
    diagnostics: renamed(id, commit),
    isRemote: true,
    headers: () => guarded(() => model.headers()),
    bring: (onProgress, also = []) =>
      guarded(async () => {
        await model.bring(onProgress, also);
        await cache.setRef(revision, commit.sha);
      }),
  };
}

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
