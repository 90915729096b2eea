import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PartialFile } from "../../src/hub/partial-file.ts";

describe("PartialFile", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "partial-"));
    path = join(folder, "x.incomplete");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const missing = async (size: number, longest: number): Promise<string[]> => {
    const file = await PartialFile.open(path);
    const ranges = file.missing(size, longest);
    await file.close();
    return ranges.map(({ start, end }) => `${start}-${end}`);
  };
  const arrive = async (...ranges: [number, number][]): Promise<void> => {
    const file = await PartialFile.open(path);
    for (const [start, end] of ranges) {
      await file.write(new Uint8Array(end - start).fill(1), start);
      await file.note({ start, end });
    }
    await file.close();
  };

  it("splits what is missing", async () => {
    expect(await missing(25, 10)).toEqual(["0-10", "10-20", "20-25"]);
    expect(await missing(20, 10)).toEqual(["0-10", "10-20"]);
    expect(await missing(0, 10)).toEqual([]);
  });

  it("remembers what has arrived, in any order, overlapping or not", async () => {
    await arrive([20, 25], [3, 8]);
    expect(await missing(30, 10)).toEqual(["0-3", "8-18", "18-20", "25-30"]);
    await arrive([5, 22], [0, 0]);
    expect(await missing(30, 10)).toEqual(["0-3", "25-30"]);
    await arrive([0, 30]);
    expect(await missing(30, 10)).toEqual([]);
  });

  it("does not believe a line that was cut off, or bytes that were lost", async () => {
    await arrive([0, 10]);
    appendFileSync(join(folder, "x.ranges.incomplete"), "10-20\nnonsense\n20-3");
    expect(await missing(30, 30)).toEqual(["10-30"]);
    truncateSync(path, 9);
    expect(await missing(30, 30)).toEqual(["0-30"]);
  });

  it("does not believe a journal without its file", async () => {
    await arrive([0, 10]);
    rmSync(path);
    expect(await missing(10, 10)).toEqual(["0-10"]);
  });

  it("moves to its final name and leaves nothing", async () => {
    await arrive([0, 3]);
    const file = await PartialFile.open(path);
    await file.close();
    await file.moveTo(join(folder, "done"), 3);
    expect([...readFileSync(join(folder, "done"))]).toEqual([1, 1, 1]);
    expect(existsSync(path) || existsSync(join(folder, "x.ranges.incomplete"))).toBe(false);
  });
});
