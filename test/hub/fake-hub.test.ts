import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeHub } from "./fake-hub/fake-hub.ts";
import type { FakeRepository } from "./fake-hub/repository.ts";

/**
 * The fake server against the wire itself: addresses, headers and bodies written out as the Hub sends them, so that a
 * fault of the client and the same fault of the server cannot hide each other.
 */
describe("the fake Hub", () => {
  let hub: FakeHub;
  let repository: FakeRepository;
  let sha: string;
  const hello = "hello world\n";
  // git hash-object, sha256sum
  const helloBlob = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad";
  const helloSha256 = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";

  beforeEach(async () => {
    hub = await FakeHub.start();
    repository = hub.repository("org/name", { "a/b.txt": hello, "config.json": hello, "model.safetensors": hello });
    sha = repository.refs.get("main")!;
  });
  afterEach(() => hub.stop());

  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(path.startsWith("http") ? path : hub.endpoint + path, { redirect: "manual", ...init });
  const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

  it("gives a model's info at a revision, all of it or what was asked for", async () => {
    const all = (await (await get("/api/models/org/name")).json()) as Record<string, unknown>;
    expect(all).toMatchObject({ id: "org/name", sha, private: false, gated: false, siblings: expect.any(Array) });
    expect(all.siblings).toContainEqual({ rfilename: "a/b.txt" });
    const some = await (await get("/api/models/org/name/revision/main?expand=sha&expand=gated")).json();
    expect(some).toEqual({ _id: expect.stringMatching(/^[0-9a-f]{24}$/), id: "org/name", sha, gated: false });
    expect((await get("/api/models/org/name/revision/main?expand=shaa")).status).toBe(400);
  });

  it("takes an encoded revision, and none with a bare slash", async () => {
    const pull = hub.commit(repository, { "config.json": "{}" }, "refs/pr/3");
    expect(await (await get("/api/models/org/name/revision/refs%2Fpr%2F3")).json()).toMatchObject({ sha: pull });
    expect((await get("/api/models/org/name/revision/refs/pr/3")).status).toBe(404);
  });

  it("lists files in pages of two with absolute links", async () => {
    const first = await get("/api/models/org/name/tree/main?recursive=true");
    expect(await first.json()).toEqual([
      { type: "directory", path: "a", size: 0, oid: expect.stringMatching(/^[0-9a-f]{40}$/) },
      { type: "file", path: "a/b.txt", size: 12, oid: helloBlob },
    ]);
    const link = first.headers.get("link");
    expect(link).toBe(`<${hub.endpoint}/api/models/org/name/tree/main?recursive=true&cursor=2>; rel="next"`);
    const second = await get(/<(.*)>/.exec(link ?? "")![1]!);
    expect(await second.json()).toEqual([
      { type: "file", path: "config.json", size: 12, oid: helloBlob },
      {
        type: "file",
        path: "model.safetensors",
        size: 12,
        // printf 'version https://git-lfs.github.com/spec/v1\noid sha256:a948…\nsize 12\n' | git hash-object --stdin
        oid: "0db788d9cca75b69bc4c2430024a654fafdb504e",
        lfs: { oid: helloSha256, size: 12, pointerSize: 127 },
        xetHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    expect(second.headers.get("link")).toBeNull();
    const folder = await (await get(`/api/models/org/name/tree/${sha}/a`)).json();
    expect(folder).toEqual([{ type: "file", path: "a/b.txt", size: 12, oid: helloBlob }]);
  });

  it("serves a small file itself, whole or in part", async () => {
    const whole = await get("/org/name/resolve/main/a/b.txt");
    expect(whole.status).toBe(200);
    expect(whole.headers.get("etag")).toBe(`"${helloBlob}"`);
    expect(whole.headers.get("x-repo-commit")).toBe(sha);
    expect(await whole.text()).toBe(hello);
    const part = await get("/org/name/resolve/main/config.json", { headers: { range: "bytes=0-0" } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe("bytes 0-0/12");
    expect(await part.text()).toBe("h");
    const beyond = await get("/org/name/resolve/main/config.json", { headers: { range: "bytes=12-" } });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get("content-range")).toBe("bytes */12");
  });

  it("may redirect a small file to a relative address", async () => {
    hub.state.smallFiles = "redirect";
    const answer = await get("/org/name/resolve/main/a/b.txt");
    expect(answer.status).toBe(307);
    const location = answer.headers.get("location")!;
    expect(location).toBe(`/api/resolve-cache/models/org/name/${sha}/a%2Fb.txt`);
    expect(await (await get(location)).text()).toBe(hello);
  });

  it("redirects an LFS file to another origin, describing it", async () => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await get("/org/name/resolve/main/model.safetensors", { method });
      expect(answer.status).toBe(302);
      expect(answer.headers.get("x-linked-size")).toBe("12");
      expect(answer.headers.get("x-linked-etag")).toBe(`"${helloSha256}"`);
      expect(answer.headers.get("x-repo-commit")).toBe(sha);
      expect(answer.headers.get("x-xet-hash")).toMatch(/^[0-9a-f]{64}$/);
      expect(answer.headers.get("link")).toMatch(
        /^<http:[^>]*\/xet-read-token\/[0-9a-f]{40}>; rel="xet-auth", <http:[^>]*\/v1\/reconstructions\/[0-9a-f]{64}>; rel="xet-reconstruction-info"$/,
      );
      const location = new URL(answer.headers.get("location")!);
      expect(location.origin).not.toBe(hub.endpoint);
      expect(location.search).toContain("X-Amz-Signature=");
    }
    const xet = { headers: { accept: "application/vnd.xet-fileinfo+json, */*" } };
    const described = await get("/org/name/resolve/main/model.safetensors", xet);
    expect(described.headers.get("content-type")).toBe("application/vnd.xet-fileinfo+json");
    expect(await described.json()).toMatchObject({ etag: helloSha256, size: 12 });
  });

  it("has a storage that takes signed GET requests without a token, until they expire", async () => {
    const location = (await get("/org/name/resolve/main/model.safetensors")).headers.get("location")!;
    const part = await get(location, { headers: { range: "bytes=6-10" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      "bytes 6-10/12",
      "world",
    ]);
    expect((await get(location, as("hf_reader"))).status).toBe(400);
    expect((await get(location, { method: "HEAD" })).status).toBe(403);
    expect((await get(location.replace(/\?.*/, ""))).status).toBe(403);
    hub.storage.expire();
    expect((await get(location)).status).toBe(403);
  });

  it("refuses as the Hub does", async () => {
    const code = async (path: string, init?: RequestInit) => {
      const answer = await get(path, init);
      return [answer.status, answer.headers.get("x-error-code"), ((await answer.json()) as { error: string }).error];
    };
    const file = "/org/name/resolve/main/config.json";
    expect(await code("/org/name/resolve/main/none")).toEqual([404, "EntryNotFound", "Entry not found"]);
    expect(await code("/org/name/resolve/v9/config.json")).toEqual([404, "RevisionNotFound", "Invalid rev id: v9"]);
    expect(await code("/api/models/org/none")).toEqual([401, null, "Invalid username or password."]);
    expect(await code("/api/models/org/none", as("hf_reader"))).toEqual([404, "RepoNotFound", "Repository not found"]);
    expect(await code("/api/models/org/name", as("hf_unknown"))).toEqual([
      401,
      null,
      "Invalid credentials in Authorization header",
    ]);

    repository.readers.add("reader");
    repository.gated = "manual";
    expect(await code(file)).toEqual([401, "GatedRepo", expect.stringContaining("restricted")]);
    expect(await code(file, as("hf_stranger"))).toEqual([403, "GatedRepo", expect.stringContaining("restricted")]);
    expect((await get(file, as("hf_reader"))).status).toBe(200);
    expect((await get("/api/models/org/name")).status).toBe(200);

    repository.private = true;
    expect(await code(file)).toEqual([401, null, "Invalid username or password."]);
    expect(await code(file, as("hf_stranger"))).toEqual([404, "RepoNotFound", "Repository not found"]);
    repository.disabled = true;
    expect(await code(file, as("hf_reader"))).toEqual([403, null, "Access to this resource is disabled."]);
  });

  it("redirects an old name to the one of today", async () => {
    hub.state.renames.set("name", "org/name");
    const answer = await get("/api/models/name/revision/main?expand=sha");
    expect(answer.status).toBe(307);
    expect(answer.headers.get("location")).toBe("/api/models/org/name/revision/main?expand=sha");
  });

  it("lets an answer go wrong once", async () => {
    const limited = { status: 429, headers: { "retry-after": "3", ratelimit: '"api";r=0;t=2' } };
    hub.inject({ kind: "reply", reply: limited }, () => true);
    hub.inject({ kind: "cut", after: 5 }, ({ url }) => url.includes("b.txt"));
    hub.inject({ kind: "damage" }, ({ url }) => url.includes("config"));
    hub.inject({ kind: "shorten", by: 2 }, ({ url }) => url.includes("config"));
    const answer = await get("/api/models/org/name");
    expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("ratelimit")]).toEqual([
      429,
      "3",
      '"api";r=0;t=2',
    ]);
    const cut = await get("/org/name/resolve/main/a/b.txt");
    expect(cut.headers.get("content-length")).toBe("12");
    await expect(cut.text()).rejects.toThrow("terminated");
    expect(await (await get("/org/name/resolve/main/config.json")).text()).not.toBe(hello);
    expect((await get("/org/name/resolve/main/config.json")).headers.get("content-length")).toBe("10");
    expect(await (await get("/org/name/resolve/main/config.json")).text()).toBe(hello);
    expect(hub.log).toHaveLength(5);
  });
});
