import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RANGE_BYTES } from "../../src/hub/fetch-blob.ts";
import type { LoggedRequest } from "./fake-hub/fake-hub.ts";
import type { Fault } from "./fake-hub/reply.ts";
import { HubFixture } from "./hub-fixture.ts";
import { single } from "./model.ts";

const ofStorage = ({ server }: LoggedRequest) => server === "storage";
const ofConfig = ({ url }: LoggedRequest) => url.endsWith("/config.json");
const reply = (status: number, headers: Record<string, string> = {}): Fault => ({
  kind: "reply",
  reply: { status, headers },
});

describe("download, when answers go wrong,", () => {
  const fixture = new HubFixture();
  const files = single(2 * RANGE_BYTES);
  const weights = Buffer.from(files["model.safetensors"]!);
  const blobs = () => readdirSync(join(fixture.cacheDir, "models--org--name", "blobs"));
  const expectWeights = async (options = {}) => {
    const { folder } = await fixture.download("org/name", options);
    expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
  };

  it("asks for the rest after a connection that was cut", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject(
      { kind: "cut", after: 1_000_000 },
      ({ headers }) => headers.range?.startsWith("bytes=0-") === true,
    );
    await expectWeights();
    const rest = fixture.hub.requests("storage").map(({ headers }) => /^bytes=(\d+)/.exec(headers.range!)![1]);
    expect(rest.map(Number).filter((start) => start > 0 && start <= 1_000_000)).toHaveLength(1);
    expect(fixture.pauses).toEqual([1000]);
  });

  it("makes a request again to which a server has fallen silent", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject({ kind: "stall", after: 10 }, ofStorage);
    fixture.hub.inject({ kind: "delay", ms: 3000 }, ofConfig);
    await expectWeights({ idleMs: 1500 });
    expect(fixture.pauses).toEqual([1000, 1000]);
  });

  it("takes a slow answer", async () => {
    fixture.hub.repository("org/name", single(1000));
    fixture.hub.inject({ kind: "slow", bytes: 100, ms: 200 }, ofStorage);
    await fixture.download("org/name", { idleMs: 1500 });
    expect(fixture.pauses).toEqual([]);
  });

  it("waits as long as Retry-After says", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject(reply(429, { "retry-after": "7", ratelimit: '"api";r=10;t=200' }), ({ url }) =>
      url.includes("/revision/"),
    );
    fixture.hub.inject(reply(429, { "retry-after": "7", ratelimit: '"api";r=0;t=41' }), ({ url }) =>
      url.includes("/tree/"),
    );
    fixture.hub.inject(reply(503, { "retry-after": "2" }), ofConfig);
    await expectWeights();
    expect(fixture.pauses).toEqual([7000, 42000, 2000]);
  });

  it("gives up after five more attempts, or when asked to wait for longer than a window of limits", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject(reply(502), ({ url }) => url.includes("/tree/"), 6);
    expect(await fixture.failure("org/name")).toMatchObject({ code: "hub.server" });
    expect(fixture.pauses).toEqual([1000, 2000, 4000, 8000, 8000]);
    fixture.pauses.length = 0;
    fixture.hub.inject(reply(429, { "retry-after": "3600" }), () => true);
    expect(await fixture.failure("org/name")).toMatchObject({ code: "hub.rate-limit" });
    expect(fixture.pauses).toEqual([]);
  });

  it("asks for a new address when the signed one has expired", async () => {
    fixture.hub.repository("org/name", single(1000));
    fixture.hub.inject(reply(403), ofStorage);
    await fixture.download("org/name");
    expect(fixture.hub.requests("hub", "/resolve/").filter(({ method }) => method === "HEAD")).toHaveLength(2);
  });

  it("fetches a file again whose bytes were damaged, once", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject({ kind: "damage" }, ofStorage);
    await expectWeights();
    const first = fixture.hub.requests("storage").length;
    expect(first).toBe(6);
  });

  it("leaves no file whose digest is wrong", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject({ kind: "damage" }, ofStorage, 100);
    const { code, message } = await fixture.failure("org/name");
    expect(code).toBe("hub.digest");
    expect(message).toMatch(
      /^the 16777\d+ bytes of model.safetensors have sha256 [0-9a-f]{64}, expected [0-9a-f]{64}$/,
    );
    expect(blobs().filter((name) => name.length !== 40)).toEqual([]);
    expect(readdirSync(join(fixture.cacheDir, "models--org--name"))).not.toContain("refs");
  });

  it("checks the digest of small files too", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject({ kind: "damage" }, ofConfig, 2);
    expect(await fixture.failure("org/name")).toMatchObject({
      code: "hub.digest",
      message: expect.stringContaining("config.json have git-sha1"),
    });
  });

  it.each<[string, Fault, (request: LoggedRequest) => boolean, string]>([
    ["a shorter small file", { kind: "shorten", by: 3 }, ofConfig, "hub.length"],
    [
      "the range of another file",
      { kind: "headers", headers: { "content-range": "bytes 0-9/10" } },
      ofStorage,
      "hub.length",
    ],
    ["the whole file for a range", { kind: "reply", reply: { status: 200 } }, ofStorage, "hub.length"],
    [
      "a page that is no JSON",
      { kind: "reply", reply: { status: 200 } },
      ({ url }) => url.includes("/tree/"),
      "hub.answer",
    ],
    [
      "another digest",
      { kind: "headers", headers: { "x-linked-etag": `"${"0".repeat(64)}"` } },
      ({ method }) => method === "HEAD",
      "hub.answer",
    ],
    [
      "another size",
      { kind: "headers", headers: { "x-linked-size": "5" } },
      ({ method }) => method === "HEAD",
      "hub.answer",
    ],
    [
      "another commit",
      { kind: "headers", headers: { "x-repo-commit": "0".repeat(40) } },
      ({ method }) => method === "HEAD",
      "hub.answer",
    ],
  ])("refuses %s", async (_, fault, when, code) => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject(fault, when);
    expect(await fixture.failure("org/name")).toMatchObject({ code });
  });

  it("does without headers that mirrors leave out", async () => {
    fixture.hub.repository("org/name", files);
    const headers = { "x-linked-etag": undefined, "x-linked-size": undefined, "x-repo-commit": undefined };
    fixture.hub.inject({ kind: "headers", headers }, ({ method }) => method === "HEAD");
    await expectWeights();
  });

  it("stops at once when told to, and goes on later where it was", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject({ kind: "stall", after: 5_000_000 }, ofStorage, 1);
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }) => {
      if (done > weights.length - 4_000_000) stop.abort(new Error("enough"));
    };
    await expect(fixture.download("org/name", { signal: stop.signal, onProgress })).rejects.toThrow("enough");
    expect(readdirSync(join(fixture.cacheDir, ".locks", "models--org--name"))).toEqual([]);
    fixture.hub.log.length = 0;
    await expectWeights();
    const asked = fixture.hub.requests("storage").map(({ headers }) => headers.range!.match(/\d+/g)!.map(Number));
    const bytes = asked.reduce((sum, [start, end]) => sum + end! - start! + 1, 0);
    expect(bytes).toBeLessThan(5_000_000);
    expect(blobs().filter((name) => name.endsWith(".incomplete"))).toEqual([]);
  });

  it("does not start when it is stopped already", async () => {
    await expect(fixture.download("org/name", { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(fixture.hub.log).toEqual([]);
  });
});
