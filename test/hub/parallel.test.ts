import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inParallel } from "../../src/hub/parallel.ts";

describe("inParallel", () => {
  it("runs all, no more at a time than the limit", async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await inParallel([1, 2, 3, 4, 5], 2, undefined, async (item) => {
      most = Math.max(most, ++running);
      await setTimeout(5);
      running--;
      done.push(item);
    });
    expect([done.sort(), most]).toEqual([[1, 2, 3, 4, 5], 2]);
  });

  it("stops the others at the first failure, waits for them, and throws that failure", async () => {
    let ended = 0;
    const started: number[] = [];
    const work = async (item: number, signal: AbortSignal) => {
      started.push(item);
      if (item === 1) throw new Error("first");
      await setTimeout(2_000, undefined, { signal }).catch(() => setTimeout(20));
      ended++;
      throw new Error("second");
    };
    await expect(inParallel([0, 1, 2, 3], 2, undefined, work)).rejects.toThrow("first");
    expect([started, ended]).toEqual([[0, 1], 1]);
  });

  it("throws the reason of the signal", async () => {
    const stop = new AbortController();
    const running = inParallel([0], 1, stop.signal, (_, signal) => setTimeout(2_000, undefined, { signal }));
    stop.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
  });
});
