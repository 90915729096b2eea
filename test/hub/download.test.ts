import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { RANGE_BYTES } from "../../src/hub/fetch-blob.ts";
import type { DownloadProgress } from "../../src/hub/remote-model.ts";
import { HubFixture } from "./hub-fixture.ts";
import { sharded, single } from "./model.ts";

describe("download", () => {
  const fixture = new HubFixture();
  const repositoryFolder = () => join(fixture.cacheDir, "models--org--name");

  it("brings what a conversion needs, and nothing else, into the layout of the Python tools", async () => {
    const files = single(3 * RANGE_BYTES);
    const sha = fixture.hub.repository("org/name", files).refs.get("main")!;
    const { folder, revision, diagnostics } = await fixture.download("org/name");
    expect({ folder, revision, diagnostics }).toEqual({
      folder: join(repositoryFolder(), "snapshots", sha),
      revision: sha,
      diagnostics: [],
    });
    const names = ["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    expect(readdirSync(folder).sort()).toEqual(names);
    for (const name of names) expect(readFileSync(join(folder, name)).equals(Buffer.from(files[name]!))).toBe(true);
    expect(readFileSync(join(repositoryFolder(), "refs", "main"), "utf8")).toBe(sha);
    // The two tokenizer files are equal: one blob, of the git id of "{}".
    expect(readlinkSync(join(folder, "tokenizer.json"))).toBe("../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b");
    expect(readlinkSync(join(folder, "model.safetensors"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(readdirSync(join(repositoryFolder(), "blobs"))).toHaveLength(4);
    expect(readdirSync(repositoryFolder()).sort()).toEqual(["blobs", "refs", "snapshots"]);

    const checkpoint = openCheckpoint(folder);
    expect(checkpoint.name).toBe("org/name");
    expect(checkpoint.tensors.names()).toEqual(["weight"]);
    checkpoint.close();
  });

  it("reads a large file in ranges from one signed address", async () => {
    fixture.hub.repository("org/name", single(3 * RANGE_BYTES));
    await fixture.download("org/name");
    const ranges = fixture.hub.requests("storage").map(({ headers }) => headers.range);
    expect(ranges.toSorted()).toEqual([
      "bytes=0-8388607",
      "bytes=16777216-25165823",
      "bytes=25165824-25165903",
      "bytes=8388608-16777215",
    ]);
    expect(fixture.hub.requests("hub", "model.safetensors")).toHaveLength(1);
    // Compressed bytes would fit no range.
    expect(fixture.hub.log.every(({ headers }) => headers["accept-encoding"] === "identity")).toBe(true);
  });

  it("brings shards, those in folders too", async () => {
    const files = sharded(1000);
    fixture.hub.repository("org/name", files);
    const { folder } = await fixture.download("org/name");
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual([
      "config.json",
      "model-00001-of-00002.safetensors",
      "model.safetensors.index.json",
      "more",
      "more/model-00002-of-00002.safetensors",
    ]);
    const checkpoint = openCheckpoint(folder);
    expect(checkpoint.tensors.names().sort()).toEqual(["first", "second"]);
    checkpoint.close();
  });

  it("asks only for the commit and the list of files when everything is there", async () => {
    fixture.hub.repository("org/name", single(1000));
    const first = await fixture.download("org/name");
    fixture.hub.log.length = 0;
    expect(await fixture.download("org/name")).toEqual(first);
    expect(fixture.hub.log.every(({ url }) => /^\/api\/models\/org\/name\/(revision|tree)\//.test(url))).toBe(true);
  });

  it("shares blobs between revisions and keeps old snapshots", async () => {
    const files = single(1000);
    const repository = fixture.hub.repository("org/name", files);
    const first = await fixture.download("org/name");
    const sha = fixture.hub.commit(repository, { ...files, "README.md": "new" });
    fixture.hub.log.length = 0;
    const second = await fixture.download("org/name");
    expect(second.revision).toBe(sha);
    expect(fixture.hub.requests("hub", "/resolve/")).toHaveLength(1);
    expect(fixture.hub.requests("storage")).toHaveLength(0);
    expect(readFileSync(join(first.folder, "README.md"), "utf8")).toBe(files["README.md"]);
    expect(readFileSync(join(second.folder, "README.md"), "utf8")).toBe("new");
  });

  it("takes a branch, a pull request or a commit as revision", async () => {
    const repository = fixture.hub.repository("org/name", single(100));
    const main = repository.refs.get("main")!;
    const pull = fixture.hub.commit(repository, single(200), "refs/pr/3");
    expect((await fixture.download("org/name", { revision: "refs/pr/3" })).revision).toBe(pull);
    expect(readFileSync(join(repositoryFolder(), "refs/refs/pr/3"), "utf8")).toBe(pull);
    expect((await fixture.download("org/name", { revision: main })).revision).toBe(main);
    expect(readdirSync(join(repositoryFolder(), "refs"))).toEqual(["refs"]);
  });

  it("repairs a file that was cut short, and a link to nothing", async () => {
    fixture.hub.repository("org/name", single(1000));
    const { folder } = await fixture.download("org/name");
    const size = lstatSync(
      join(repositoryFolder(), "blobs", readlinkSync(join(folder, "model.safetensors")).slice(12)),
    );
    truncateSync(join(folder, "model.safetensors"), 10);
    rmSync(join(repositoryFolder(), "blobs", readlinkSync(join(folder, "config.json")).slice(12)));
    await fixture.download("org/name");
    expect(readFileSync(join(folder, "model.safetensors"))).toHaveLength(size.size);
    openCheckpoint(folder).close();
  });

  it("follows small files to relative addresses", async () => {
    fixture.hub.state.smallFiles = "redirect";
    fixture.hub.repository("org/name", single(100));
    openCheckpoint((await fixture.download("org/name")).folder).close();
  });

  it("follows a renamed repository and says so", async () => {
    fixture.hub.repository("new-org/name", single(100));
    fixture.hub.state.renames.set("name", "new-org/name");
    const { folder, diagnostics } = await fixture.download("name");
    expect(diagnostics).toEqual([
      { code: "hub.renamed", severity: "warning", path: "name", message: "the model is called new-org/name now" },
    ]);
    // Where the Python tools look for a model of that name.
    expect(folder).toContain(join(fixture.cacheDir, "models--name", "snapshots"));
  });

  it("sends the token to the Hub alone", async () => {
    const repository = fixture.hub.repository("org/name", single(3 * RANGE_BYTES));
    repository.private = true;
    repository.readers.add("reader");
    fixture.hub.state.smallFiles = "redirect";
    vi.stubEnv("HF_TOKEN", "hf_reader");
    await fixture.download("org/name");
    expect(fixture.hub.requests("hub").every(({ headers }) => headers.authorization === "Bearer hf_reader")).toBe(true);
    expect(fixture.hub.requests("storage").length).toBeGreaterThan(3);
    expect(fixture.hub.requests("storage").some(({ headers }) => headers.authorization !== undefined)).toBe(false);
  });

  it("does not send the token to another origin that a page of a list names", async () => {
    const repository = fixture.hub.repository("org/name", single(100));
    repository.private = true;
    repository.readers.add("reader");
    const sign = fixture.hub.state.sign("0".repeat(64));
    const link = { link: `<${new URL(sign).origin}/api/next>; rel="next"` };
    fixture.hub.inject({ kind: "headers", headers: link }, ({ url }) => url.includes("/tree/"));
    await fixture.failure("org/name", { token: "hf_reader" });
    expect(fixture.hub.requests("storage", "/api/next")[0]?.headers.authorization).toBeUndefined();
    expect(fixture.hub.requests("storage", "/api/next").length).toBeGreaterThan(0);
  });

  it("tells how far it is, in bytes", async () => {
    fixture.hub.repository("org/name", sharded(RANGE_BYTES + 1));
    const seen: DownloadProgress[] = [];
    const { folder } = await fixture.download("org/name", { onProgress: (progress) => seen.push(progress) });
    const sizes = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isSymbolicLink())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)).length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(seen.at(-1)).toEqual({ file: "more/model-00002-of-00002.safetensors", done: total, total });
    expect(seen.length).toBeGreaterThan(10);
    for (const [i, { done }] of seen.entries()) expect(done).toBeGreaterThanOrEqual(seen[i - 1]?.done ?? 0);
  });

  it("uses the cache alone when offline", async () => {
    fixture.hub.repository("org/name", sharded(100));
    const online = await fixture.download("org/name");
    fixture.hub.log.length = 0;
    expect(await fixture.download("org/name", { offline: true })).toEqual(online);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await fixture.download("org/name", { revision: online.revision })).toEqual(online);
    rmSync(join(online.folder, "more"), { recursive: true });
    expect(await fixture.failure("org/name")).toMatchObject({
      code: "hub.offline",
      message: "offline, and the cache lacks more/model-00002-of-00002.safetensors",
    });
    expect(await fixture.failure("org/name", { revision: "v2" })).toMatchObject({
      code: "hub.offline",
      message: "offline, and the cache lacks revision v2",
    });
    expect(fixture.hub.log).toEqual([]);
  });

  it("takes what is in the way of a cache as an error about the cache", async () => {
    fixture.hub.repository("org/name", single(100));
    writeFileSync(repositoryFolder(), "a file");
    expect(await fixture.failure("org/name")).toMatchObject({ code: "hub.cache" });
  });
});
