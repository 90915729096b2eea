import { setImmediate } from "node:timers/promises";

/**
 * A function of one call over one of several: calls made at the same time, or while earlier ones run, go together.
 * @param runAll says what became of each call; where it throws, that is what becomes of all
 */
export function together<In, Out>(
  runAll: (calls: readonly In[]) => Promise<readonly PromiseSettledResult<Out>[]>,
): (call: In) => Promise<Out> {
  interface Waiting {
    readonly call: In;
    settle(result: PromiseSettledResult<Out>): void;
  }
  let waiting: Waiting[] = [];
  let last = Promise.resolve();
  const runWaiting = async (): Promise<void> => {
    // Callers made ready by one event come one after the other.
    await setImmediate();
    const group = waiting;
    waiting = [];
    try {
      const results = await runAll(group.map((w) => w.call));
      group.forEach((w, i) => {
        w.settle(results[i] as PromiseSettledResult<Out>);
      });
    } catch (reason) {
      for (const w of group) w.settle({ status: "rejected", reason });
    }
  };
  return (call) =>
    new Promise((done, reject) => {
      waiting.push({ call, settle: (r) => (r.status === "fulfilled" ? done(r.value) : reject(r.reason)) });
      // The first of a group runs it when its turn comes.
      if (waiting.length === 1) last = last.then(runWaiting);
    });
}
