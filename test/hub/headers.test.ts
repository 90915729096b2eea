import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCheckpoint, outlineCheckpoint } from "../../src/checkpoint/open.ts";
import { type FoundModel, findModel } from "../../src/hub/download.ts";
import { HubFixture } from "./hub-fixture.ts";
import { noise, sharded, single } from "./model.ts";

const FIRST = 128 << 10;

describe("headers", () => {
  const fixture = new HubFixture();
  const find = (): Promise<FoundModel> => findModel("org/name", { cacheDir: fixture.cacheDir, pause: async () => {} });
  const ranges = () => fixture.hub.requests("storage").map(({ headers }) => headers.range);
  const outline = async () => {
    const { headers, folder } = await find();
    return outlineCheckpoint(folder, (await headers()) ?? new Map());
  };

  it("tell names, types and shapes of all shards, and no value", async () => {
    fixture.hub.repository("org/name", sharded(1 << 20));
    const { tensors } = await outline();
    expect(tensors.names()).toEqual(["first", "second"]);
    const second = tensors.get("second");
    expect(second).toMatchObject({ dtype: "uint8", shape: [1 << 20] });
    expect(() => second?.read(0, 1, new Uint8Array(1))).toThrow("values of 'second' are not at hand");
    expect(ranges()).toEqual([`bytes=0-${FIRST - 1}`, `bytes=0-${FIRST - 1}`]);
  });

  it("are those of the whole file", async () => {
    fixture.hub.repository("org/name", single(1 << 20));
    const model = await find();
    const known = outlineCheckpoint(model.folder, (await model.headers()) ?? new Map());
    expect(existsSync(join(model.folder, "model.safetensors"))).toBe(false);
    await model.bring();
    const whole = openCheckpoint(model.folder);
    const described = (of: typeof whole) => of.tensors.names().map((n) => [n, of.tensors.get(n)?.shape]);
    expect(described(known)).toEqual(described(whole));
    whole.close();
  });

  it("may be longer than what is fetched first", async () => {
    const names = Array.from({ length: 4000 }, (_, i) => `a.rather.long.name.of.a.tensor.${i}`);
    const entries = names.map((name, i) => [name, { dtype: "U8", shape: [1], data_offsets: [i, i + 1] }]);
    const text = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const file = Buffer.concat([length, text, noise(names.length, "data")]);
    fixture.hub.repository("org/name", { ...single(10), "model.safetensors": file });
    expect((await outline()).tensors.names()).toEqual(names);
    expect(ranges()).toEqual([`bytes=0-${FIRST - 1}`, `bytes=${FIRST}-${8 + text.length - 1}`]);
  });

  it("that are none are refused before more is fetched", async () => {
    fixture.hub.repository("org/name", { ...single(10), "model.safetensors": noise(1 << 20, "no header") });
    await expect(outline()).rejects.toMatchObject({
      kind: "unreadable",
      diagnostics: [{ code: "safetensors.header", path: "org/name/model.safetensors" }],
    });
    expect(ranges()).toHaveLength(1);
  });

  it("come again after a connection that broke", async () => {
    fixture.hub.repository("org/name", single(1 << 20));
    fixture.hub.inject({ kind: "cut", after: 1000 }, ({ server }) => server === "storage");
    expect((await outline()).tensors.names()).toEqual(["weight"]);
    expect(ranges()).toEqual([`bytes=0-${FIRST - 1}`, `bytes=1000-${FIRST - 1}`]);
  });
});
