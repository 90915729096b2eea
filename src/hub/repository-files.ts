import { isRecord } from "../checkpoint/json-file.ts";
import type { HubClient } from "./client.ts";
import { hubError } from "./refusal.ts";
import { isCommit, isPlainPath } from "./repository-id.ts";

/** A commit of a repository. */
export interface Commit {
  /** The repository's name today: another than the one asked for when it was renamed. */
  readonly id: string;
  readonly sha: string;
}

/** A file of a commit. */
export interface RemoteFile {
  /** With forward slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** What the contents are known by, and the name of the blob in the cache. */
  readonly digest: Digest;
}

/** `sha256` of the bytes for a file in LFS; for one in git the id of its blob: SHA-1 of `blob <size>\0<bytes>`. */
export interface Digest {
  readonly algorithm: "sha256" | "git-sha1";
  readonly hex: string;
}

/** The Hub lists 1,000 files a page. */
const MAX_PAGES = 100;

/** Percent-encodes each part of a path, and of an id. */
export const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

const malformed = (client: HubClient, url: URL, what: string) =>
  hubError("hub.answer", `${url.origin}${url.pathname} answered with ${what}`, {
    path: client.subject.id,
    hint: "check HF_ENDPOINT",
  });

/**
 * The commit that the client's revision stands for now.
 * @throws ConversionError `hub.not-found`, `hub.revision`, `hub.gated`, …
 */
export async function resolveCommit(client: HubClient): Promise<Commit> {
  const { endpoint, id, revision } = client.subject;
  const url = new URL(`${endpoint}/api/models/${encodePath(id)}/revision/${encodeURIComponent(revision)}`);
  // Without this the answer lists every file of the repository, and much else.
  for (const field of ["sha", "gated", "disabled"]) url.searchParams.append("expand", field);
  const { value } = await client.json(url);
  if (!isRecord(value) || typeof value.sha !== "string" || !isCommit(value.sha) || typeof value.id !== "string") {
    throw malformed(client, url, "no id and commit of a model");
  }
  return { id: value.id, sha: value.sha };
}

/** What one folder of a commit holds, without what is in its sub-folders. */
export interface FolderListing {
  readonly files: readonly RemoteFile[];
  /** Paths of its sub-folders. */
  readonly folders: readonly string[];
}

/**
 * Lists a folder of a commit.
 * @param folder `""` for the root
 * @throws ConversionError
 */
export async function listFolder(client: HubClient, { id, sha }: Commit, folder: string): Promise<FolderListing> {
  const files: RemoteFile[] = [];
  const folders: string[] = [];
  const start = `${client.subject.endpoint}/api/models/${encodePath(id)}/tree/${sha}`;
  let url = new URL(folder ? `${start}/${encodePath(folder)}` : start);
  for (let page = 0; page < MAX_PAGES; page++) {
    const { value, next } = await client.json(url);
    if (!Array.isArray(value)) throw malformed(client, url, "no list of files");
    for (const entry of value as unknown[]) {
      if (!isRecord(entry)) continue;
      if (entry.type === "directory") {
        if (typeof entry.path === "string" && isPlainPath(entry.path)) folders.push(entry.path);
        continue;
      }
      const file = remoteFile(entry);
      if (!file) throw malformed(client, url, `a malformed entry: ${JSON.stringify(entry).slice(0, 200)}`);
      files.push(file);
    }
    if (!next) return { files, folders };
    url = next;
  }
  throw malformed(client, url, `more than ${MAX_PAGES} pages`);
}

/** Both the path and the digest become paths of the cache. */
function remoteFile({ path, size, oid, lfs }: Record<string, unknown>): RemoteFile | undefined {
  if (typeof path !== "string" || !isPlainPath(path)) return undefined;
  const stored = isRecord(lfs) ? lfs : { size, oid };
  const algorithm = isRecord(lfs) ? "sha256" : "git-sha1";
  const { size: bytes, oid: hex } = stored;
  const digits = algorithm === "sha256" ? 64 : 40;
  if (typeof hex !== "string" || !/^[0-9a-f]+$/.test(hex) || hex.length !== digits) return undefined;
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) return undefined;
  return { path, size: bytes as number, digest: { algorithm, hex } };
}
