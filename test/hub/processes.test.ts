import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RANGE_BYTES } from "../../src/hub/fetch-blob.ts";
import { HubFixture } from "./hub-fixture.ts";
import { single } from "./model.ts";

const built = new URL("../../dist/hub/download.js", import.meta.url);
const script = `
  import { download } from ${JSON.stringify(built.href)};
  const { folder } = await download("org/name", { cacheDir: process.argv[1] });
  process.stdout.write(folder);
`;

describe("download, in processes of its own,", () => {
  const fixture = new HubFixture();
  const files = single(3 * RANGE_BYTES);
  const weights = Buffer.from(files["model.safetensors"]!);
  const blobs = () => readdirSync(join(fixture.cacheDir, "models--org--name", "blobs"));
  const locks = () => readdirSync(join(fixture.cacheDir, ".locks", "models--org--name"));

  const start = (): ChildProcess => {
    expect(existsSync(fileURLToPath(built)), "built by npm run build").toBe(true);
    return spawn(process.execPath, ["--input-type=module", "-e", script, fixture.cacheDir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  };
  const finish = async (child: ChildProcess): Promise<string> => {
    const [folder] = await Promise.all([text(child.stdout!), once(child, "exit")]);
    expect(child.exitCode).toBe(0);
    return folder;
  };
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await setTimeout(20);
  };
  const isWhole = (folder: string) => readFileSync(join(folder, "model.safetensors")).equals(weights);

  it("fetches every byte once for two processes at once", async () => {
    fixture.hub.repository("org/name", files);
    fixture.hub.inject({ kind: "slow", bytes: 1 << 20, ms: 100 }, ({ server }) => server === "storage", 2);
    const [first, second] = await Promise.all([finish(start()), finish(start())]);
    expect(second).toBe(first);
    expect(isWhole(first)).toBe(true);
    const ranges = fixture.hub.requests("storage").map(({ headers }) => headers.range);
    expect(ranges).toHaveLength(4);
    expect(new Set(ranges).size).toBe(4);
    expect(blobs().filter((name) => name.includes("."))).toEqual([]);
    expect(locks()).toEqual([]);
  });

  it.each(["SIGKILL", "SIGINT"] as const)("goes on after a process that ended by %s", async (signal) => {
    fixture.hub.repository("org/name", files);
    const start8 = `bytes=${RANGE_BYTES}-`;
    fixture.hub.inject({ kind: "stall", after: 1000 }, ({ headers }) => headers.range?.startsWith(start8) === true);
    const child = start();
    const journal = () => blobs().find((name) => name.endsWith(".ranges.incomplete"));
    await until(() => fixture.hub.requests("storage").length === 4);
    // All but the range that stalls.
    await until(() => {
      const name = journal();
      const lines = name ? readFileSync(join(fixture.cacheDir, "models--org--name", "blobs", name), "utf8") : "";
      return lines.split("\n").length === 4;
    });
    child.kill(signal);
    await once(child, "exit");

    const repository = join(fixture.cacheDir, "models--org--name");
    const [snapshot] = readdirSync(join(repository, "snapshots"));
    expect(readdirSync(join(repository, "snapshots", snapshot!))).not.toContain("model.safetensors");
    expect(existsSync(join(repository, "refs"))).toBe(false);
    expect(locks()).toHaveLength(1);
    expect(await fixture.failure("org/name", { offline: true })).toMatchObject({ code: "hub.offline" });

    fixture.hub.log.length = 0;
    expect(isWhole(await finish(start()))).toBe(true);
    expect(fixture.hub.requests("storage").map(({ headers }) => headers.range)).toEqual([
      `bytes=${RANGE_BYTES}-${2 * RANGE_BYTES - 1}`,
    ]);
    expect(blobs().filter((name) => name.includes("."))).toEqual([]);
    expect(locks()).toEqual([]);
  });
});
