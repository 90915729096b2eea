import { join, posix } from "node:path";
import type { HeaderBytes } from "../checkpoint/safetensors-header.ts";
import { INDEX, SINGLE } from "../checkpoint/weights.ts";
import { bringFile } from "./bring-file.ts";
import type { RepositoryCache } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { fetchHeader } from "./fetch-header.ts";
import { checkSpace } from "./free-space.ts";
import { FileLocation } from "./location.ts";
import { neededFiles, shardsOf } from "./needed-files.ts";
import { inParallel } from "./parallel.ts";
import { hubError } from "./refusal.ts";
import { type Commit, type FolderListing, listFolder, type RemoteFile } from "./repository-files.ts";

const AT_ONCE = 4;

/** How far a download is. */
export interface DownloadProgress {
  /** The file the last bytes belong to. */
  readonly file: string;
  /** Bytes that are there, those of earlier downloads included. */
  readonly done: number;
  readonly total: number;
}

/** What a conversion needs of one commit of a repository. */
interface Needed {
  readonly root: FolderListing;
  /** Small, and in the cache. */
  readonly descriptions: readonly RemoteFile[];
  readonly weights: readonly RemoteFile[];
}

/**
 * Files that are wanted where the repository has them: the first of these groups whose first file is there, with those
 * of the group's other files that are there too.
 */
export type Wish = readonly (readonly string[])[];

/** A model of the Hub at one commit, and its place in the cache. */
export class RemoteModel {
  readonly #client: HubClient;
  readonly #commit: Commit;
  readonly #cache: RepositoryCache;
  #needed: Promise<Needed> | undefined;

  constructor(client: HubClient, commit: Commit, cache: RepositoryCache) {
    this.#client = client;
    this.#commit = commit;
    this.#cache = cache;
  }

  /**
   * The header of each weight file by name, after the small files were brought into the snapshot.
   * @throws ConversionError `hub.*`, `safetensors.header`
   */
  async headers(): Promise<ReadonlyMap<string, HeaderBytes>> {
    const { weights } = await this.#describe();
    const headers = new Map<string, HeaderBytes>();
    await inParallel(weights, AT_ONCE, this.#client.signal, async (file, signal) => {
      const location = new FileLocation(this.#commit, file);
      headers.set(file.path, await fetchHeader(this.#client.until(signal), location, file));
    });
    return headers;
  }

  /**
   * Brings all files into the snapshot.
   * @throws ConversionError `hub.*`
   */
  async bring(onProgress: ((progress: DownloadProgress) => void) | undefined, also: readonly Wish[]): Promise<void> {
    const { root, descriptions, weights } = await this.#describe();
    const wished = await this.#find(root, also.flat(2));
    const groups = also.flatMap((wish) => wish.find(([first = ""]) => wished.has(first)) ?? []);
    const large = new Set([...weights, ...pick(wished, groups)]);
    await checkSpace(this.#cache, this.#commit, [...large]);
    const sizeOf = (files: Iterable<RemoteFile>): number => Array.from(files).reduce((sum, { size }) => sum + size, 0);
    const total = sizeOf(descriptions) + sizeOf(large);
    let done = sizeOf(descriptions);
    // One after the other: each uses all connections.
    for (const file of large) {
      await bringFile(this.#client, this.#commit, this.#cache, file, (bytes) => {
        done += bytes;
        onProgress?.({ file: file.path, done, total });
      });
    }
  }

  /** Brings the small files first: the index says which weights there are. */
  #describe(): Promise<Needed> {
    this.#needed ??= this.#list();
    return this.#needed;
  }

  async #list(): Promise<Needed> {
    const client = this.#client;
    const commit = this.#commit;
    const root = await listFolder(client, commit, "");
    const names = root.files.map((file) => file.path);
    const needed = neededFiles(names, client.subject.id);
    const descriptions = root.files.filter(({ path }) => needed.descriptions.includes(path));
    await inParallel(descriptions, AT_ONCE, client.signal, (file, signal) =>
      bringFile(client.until(signal), commit, this.#cache, file),
    );
    const shards = needed.weights === "single" ? [SINGLE] : shardsOf(join(this.#cache.snapshot(commit.sha), INDEX));
    const files = await this.#find(root, shards);
    const missing = shards.filter((name) => !files.has(name));
    if (missing.length > 0) {
      const shown = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ", …" : "");
      throw hubError("hub.index", `${INDEX} names files that the repository lacks: ${shown}`, {
        path: client.subject.id,
      });
    }
    return { root, descriptions, weights: pick(files, shards) };
  }

  /** Files by path; their folders are listed where the repository has them. */
  async #find(root: FolderListing, paths: readonly string[]): Promise<ReadonlyMap<string, RemoteFile>> {
    const files = new Map(root.files.map((file) => [file.path, file]));
    for (const folder of new Set(paths.map((path) => posix.dirname(path)))) {
      const [first = ""] = folder.split("/");
      if (!root.folders.includes(first)) continue;
      const listing = await listFolder(this.#client, this.#commit, folder);
      for (const file of listing.files) files.set(file.path, file);
    }
    return files;
  }
}

const pick = (files: ReadonlyMap<string, RemoteFile>, paths: readonly string[]): RemoteFile[] =>
  paths.map((path) => files.get(path)).filter((file) => file !== undefined);
