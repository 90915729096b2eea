import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withLock } from "../../src/hub/lock.ts";

describe("withLock", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-"));
    path = join(folder, "a.lock");
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });
  const nothing = async () => undefined;

  it("lets one work at a time, and leaves nothing", async () => {
    let working = 0;
    let most = 0;
    const work = async () => {
      working++;
      most = Math.max(most, working);
      await setTimeout(30);
      working--;
    };
    await Promise.all([1, 2, 3].map(() => withLock(path, undefined, work)));
    expect(most).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is released when the work fails", async () => {
    await expect(withLock(path, undefined, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(existsSync(path)).toBe(false);
  });

  it("is taken from a process that has died, by one at a time", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(path, JSON.stringify({ host: hostname(), pid, id: "dead" }));
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} begins`);
      await setTimeout(20);
      order.push(`${name} ends`);
    };
    await Promise.all([withLock(path, undefined, work("a")), withLock(path, undefined, work("b"))]);
    expect(order[0]?.replace("begins", "ends")).toBe(order[1]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is respected while its holder may live, until it was silent before our eyes for 30 s", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(1_000);
    writeFileSync(path, JSON.stringify({ host: "another", pid: 1, id: "far" }));
    let taken = false;
    const waiting = withLock(path, undefined, async () => {
      taken = true;
    });
    await setTimeout(250);
    clock.mockReturnValue(30_900);
    await setTimeout(250);
    expect(taken).toBe(false);
    clock.mockReturnValue(31_100);
    await waiting;
    expect(taken).toBe(true);
  });

  it("is not waited for when told to stop", async () => {
    writeFileSync(path, JSON.stringify({ host: hostname(), pid: process.pid, id: "self" }));
    const stop = new AbortController();
    const waiting = withLock(path, stop.signal, nothing);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(readdirSync(folder)).toEqual(["a.lock"]);
  });

  it("leaves the lock of another who took it over", async () => {
    await withLock(path, undefined, async () => writeFileSync(path, "other"));
    expect(existsSync(path)).toBe(true);
  });
});
