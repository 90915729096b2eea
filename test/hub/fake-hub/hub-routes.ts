import type { IncomingHttpHeaders } from "node:http";
import { file, json, type Reply, refuse } from "./reply.ts";
import { blobId, type FakeFile, type FakeRepository, lfsPointer, sha256 } from "./repository.ts";

/** What the routes know. */
export interface HubState {
  readonly repositories: Map<string, FakeRepository>;
  /** Old id -> id of today. */
  readonly renames: Map<string, string>;
  /** Token -> user. */
  readonly tokens: Map<string, string>;
  /** Whether files in git are answered at once, or with a relative redirect. */
  smallFiles: "direct" | "redirect";
  readonly pageSize: number;
  readonly origin: () => string;
  readonly sign: (oid: string) => string;
}

interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
}

/** A namespace and a name, or a name alone. */
const ID = "([\\w.-]+/[\\w.-]+?|[\\w.-]+)";
const INFO = new RegExp(`^/api/models/${ID}(?:/revision/([^/]+))?$`);
const TREE = new RegExp(`^/api/models/${ID}/tree/([^/]+)(?:/(.+))?$`);
const RESOLVE = new RegExp(`^/${ID}/resolve/([^/]+)/(.+)$`);
const RESOLVE_CACHE = new RegExp(`^/api/resolve-cache/models/${ID}/([^/]+)/(.+)$`);

const EXPANDABLE = ["sha", "gated", "private", "disabled", "siblings", "tags", "lastModified", "downloads", "likes"];

/** Answers a request for the Hub itself. */
export function hubReply(state: HubState, call: Call): Reply {
  if (call.method !== "GET" && call.method !== "HEAD") return refuse(405, "Method not allowed");
  const path = call.url.pathname;
  const routes = [
    { pattern: RESOLVE_CACHE, answer: resolveCache },
    { pattern: TREE, answer: tree },
    { pattern: INFO, answer: info },
    { pattern: RESOLVE, answer: resolve },
  ];
  for (const { pattern, answer } of routes) {
    const [matched, id, revision, rest] = pattern.exec(path) ?? [];
    if (matched === undefined || id === undefined) continue;
    const repository = readable(state, call, id);
    if (!("commits" in repository)) return repository;
    const asked = decodeURIComponent(revision ?? "main");
    const sha = repository.commitOf(asked);
    if (sha === undefined) return refuse(404, `Invalid rev id: ${asked}`, "RevisionNotFound");
    return answer(state, call, repository, sha, decodeURIComponent(rest ?? ""));
  }
  return refuse(404, "Sorry, we can't find the page you are looking for.");
}

const userOf = (state: HubState, { headers }: Call): string | undefined =>
  state.tokens.get(headers.authorization?.replace(/^Bearer /, "") ?? "");

/** The repository, or why it may not be read. A private one looks like a missing one. */
function readable(state: HubState, call: Call, id: string): FakeRepository | Reply {
  const user = userOf(state, call);
  if (call.headers.authorization !== undefined && user === undefined) {
    return refuse(401, "Invalid credentials in Authorization header");
  }
  const today = state.renames.get(id);
  if (today !== undefined) {
    const location = `${call.url.pathname.replace(id, today)}${call.url.search}`;
    return { status: 307, headers: { location, "content-type": "text/plain" }, body: Buffer.from(location) };
  }
  const repository = state.repositories.get(id);
  if (!repository || (repository.private && !(user && repository.readers.has(user)))) {
    return user ? refuse(404, "Repository not found", "RepoNotFound") : refuse(401, "Invalid username or password.");
  }
  return repository.disabled ? refuse(403, "Access to this resource is disabled.") : repository;
}

function info(_: HubState, { url }: Call, repository: FakeRepository, sha: string): Reply {
  const all: Record<string, unknown> = {
    sha,
    gated: repository.gated,
    private: repository.private,
    disabled: repository.disabled,
    siblings: [...repository.commits.get(sha)!.keys()].map((rfilename) => ({ rfilename })),
    tags: ["transformers"],
    lastModified: "2026-01-01T00:00:00.000Z",
    downloads: 1,
    likes: 0,
  };
  const wanted = url.searchParams.getAll("expand");
  const unknown = wanted.find((field) => !EXPANDABLE.includes(field));
  if (unknown !== undefined) return refuse(400, `Invalid expand field: ${unknown}`);
  const fields = wanted.length > 0 ? wanted : EXPANDABLE;
  const chosen = Object.fromEntries(fields.map((field) => [field, all[field]]));
  return json(200, { _id: "0123456789abcdef01234567", id: repository.id, ...chosen });
}

function tree(state: HubState, { url }: Call, repository: FakeRepository, sha: string, folder: string): Reply {
  const entries = listing(repository.commits.get(sha)!, folder, url.searchParams.get("recursive") === "true");
  if (entries.length === 0) return refuse(404, `${folder} does not exist on "${sha}"`, "EntryNotFound");
  const cursor = Number(url.searchParams.get("cursor") ?? 0);
  const end = cursor + state.pageSize;
  const next = new URL(`${state.origin()}${url.pathname}${url.search}`);
  next.searchParams.set("cursor", String(end));
  return json(200, entries.slice(cursor, end), end < entries.length ? { link: `<${next}>; rel="next"` } : {});
}

function listing(files: ReadonlyMap<string, FakeFile>, folder: string, recursive: boolean): unknown[] {
  const prefix = folder ? `${folder}/` : "";
  const directories = new Set<string>();
  const entries: unknown[] = [];
  for (const [path, { bytes, lfs, sha256: oid, blob }] of files) {
    if (!path.startsWith(prefix)) continue;
    const parts = path.slice(prefix.length).split("/");
    if (parts.length > 1) directories.add(prefix + parts[0]);
    if (parts.length > 1 && !recursive) continue;
    const { length: pointerSize } = lfsPointer(bytes);
    const extra = { lfs: { oid, size: bytes.length, pointerSize }, xetHash: xet(oid) };
    entries.push({ type: "file", oid: blob, size: bytes.length, path, ...(lfs ? extra : {}) });
  }
  const made = [...directories].map((path) => ({ type: "directory", oid: blobId(Buffer.from(path)), size: 0, path }));
  return [...made, ...entries];
}

/** Any 64 digits will do: nothing computes them here. */
const xet = (oid: string): string => sha256(Buffer.from(`xet ${oid}`));

function resolve(state: HubState, call: Call, repository: FakeRepository, sha: string, path: string): Reply {
  const user = userOf(state, call);
  if (repository.gated && !(user && repository.readers.has(user))) {
    const text = `Access to model ${repository.id} is restricted`;
    return user
      ? refuse(403, `${text} and you are not in the authorized list.`, "GatedRepo")
      : refuse(401, `${text}. You must have access to it and be authenticated to access it.`, "GatedRepo");
  }
  const found = repository.commits.get(sha)!.get(path);
  if (!found) return refuse(404, "Entry not found", "EntryNotFound");
  if (found.lfs) return redirectToStorage(state, call, repository.id, sha, found);
  if (state.smallFiles === "direct") return inGit(call, sha, found);
  const location = `/api/resolve-cache/models/${repository.id}/${sha}/${encodeURIComponent(path)}`;
  return { status: 307, headers: { location, "x-repo-commit": sha }, body: Buffer.from(location) };
}

function resolveCache(_: HubState, call: Call, repository: FakeRepository, sha: string, path: string): Reply {
  const found = repository.commits.get(sha)!.get(path);
  return found ? inGit(call, sha, found) : refuse(404, "Entry not found", "EntryNotFound");
}

const inGit = ({ headers }: Call, sha: string, { bytes, blob }: FakeFile): Reply =>
  file(bytes, headers.range, { etag: `"${blob}"`, "x-repo-commit": sha });

function redirectToStorage(state: HubState, call: Call, id: string, sha: string, found: FakeFile): Reply {
  const { bytes, sha256: oid } = found;
  const auth = `${state.origin()}/api/models/${id}/xet-read-token/${sha}`;
  const reconstruction = `${state.origin()}/v1/reconstructions/${xet(oid)}`;
  const headers = {
    "accept-ranges": "bytes",
    "x-repo-commit": sha,
    "x-linked-size": String(bytes.length),
    "x-linked-etag": `"${oid}"`,
    "x-xet-hash": xet(oid),
    link: `<${auth}>; rel="xet-auth", <${reconstruction}>; rel="xet-reconstruction-info"`,
  };
  if (call.headers.accept?.includes("application/vnd.xet-fileinfo+json")) {
    const body = {
      hash: xet(oid),
      refreshUrl: auth,
      reconstructionUrl: reconstruction,
      etag: oid,
      size: bytes.length,
    };
    return json(200, body, { ...headers, "content-type": "application/vnd.xet-fileinfo+json" });
  }
  const location = state.sign(oid);
  return { status: 302, headers: { ...headers, location }, body: Buffer.from(`Found. Redirecting to ${location}`) };
}
