import { type HubClient, redirectTarget } from "./client.ts";
import { hubError } from "./refusal.ts";
import { type Commit, encodePath, type RemoteFile } from "./repository-files.ts";

/**
 * Where the bytes of a file are. The Hub redirects LFS files to signed addresses of its storage, which serve every
 * range until they expire: one request to the Hub per file instead of one per range.
 */
export class FileLocation {
  readonly #commit: Commit;
  readonly #file: RemoteFile;
  #address: Promise<URL> | undefined;

  constructor(commit: Commit, file: RemoteFile) {
    this.#commit = commit;
    this.#file = file;
  }

  /** @throws Transient, ConversionError */
  address(client: HubClient): Promise<URL> {
    this.#address ??= this.#locate(client);
    return this.#address;
  }

  /** Asks again the next time. */
  expire(): void {
    this.#address = undefined;
  }

  async #locate(client: HubClient): Promise<URL> {
    const { id, sha } = this.#commit;
    const { path, digest } = this.#file;
    const url = new URL(`${client.subject.endpoint}/${encodePath(id)}/resolve/${sha}/${encodePath(path)}`);
    if (digest.algorithm === "git-sha1") return url;
    const answer = await client.open(url, { method: "HEAD", untilStorage: true });
    await answer.discard();
    this.#check(answer.headers, client.subject.id);
    return redirectTarget(answer) ?? answer.url;
  }

  /** What a file's headers say must be what the list of files said; caches between us and the Hub may be stale. */
  #check(headers: Headers, id: string): void {
    const { path, size, digest } = this.#file;
    const expected = { "x-repo-commit": this.#commit.sha, "x-linked-etag": digest.hex, "x-linked-size": `${size}` };
    for (const [name, value] of Object.entries(expected)) {
      const found = headers.get(name)?.replace(/^(W\/)?"(.*)"$/, "$2");
      if (found === undefined || found === value) continue;
      throw hubError("hub.answer", `${path} has ${name} ${found}, the list of files said ${value}`, { path: id });
    }
  }
}
