import { describe, expect, it, vi } from "vitest";
import { HubFixture } from "./hub-fixture.ts";
import { single } from "./model.ts";

vi.mock("node:fs/promises", async (original) => ({
  ...(await original<typeof import("node:fs/promises")>()),
  statfs: async () => ({ bavail: 4, bsize: 512 }),
}));

describe("download, on a disk with 2,048 free bytes,", () => {
  const fixture = new HubFixture();

  it("fetches weights that fit", async () => {
    fixture.hub.repository("org/name", single(1000));
    await fixture.download("org/name");
  });

  it("does not begin to fetch weights that do not", async () => {
    fixture.hub.repository("org/name", single(3000));
    expect(await fixture.failure("org/name")).toMatchObject({
      code: "hub.space",
      message: "3072 bytes are to be fetched, 2048 are free",
    });
    expect(fixture.hub.requests("hub", "model.safetensors")).toEqual([]);
  });
});
