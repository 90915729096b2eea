import { expect, test } from "vitest";
import { together } from "../../src/run/blocks/together.ts";

/** Doubles numbers and keeps the groups they came in; refuses 13 alone, and a whole group with 99. */
function doubler(): { readonly double: (n: number) => Promise<number>; readonly groups: (readonly number[])[] } {
  const groups: (readonly number[])[] = [];
  const double = together<number, number>(async (calls) => {
    groups.push(calls);
    await new Promise((done) => setTimeout(done, 20));
    if (calls.includes(99)) throw new Error("all");
    return calls.map((n) =>
      n === 13 ? { status: "rejected", reason: new Error("one") } : { status: "fulfilled", value: 2 * n },
    );
  });
  return { double, groups };
}

test("calls at the same time go together, those made meanwhile after them", async () => {
  const { double, groups } = doubler();
  const first = [1, 2, 3].map(double);
  await first[0];
  const second = [double(4), double(5)];
  expect(await Promise.all([...first, ...second])).toEqual([2, 4, 6, 8, 10]);
  expect(groups).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

test("one that fails is alone, a group that fails is not, and the next one runs", async () => {
  const { double } = doubler();
  const results = await Promise.allSettled([double(1), double(13)]);
  expect(results.map((r) => r.status)).toEqual(["fulfilled", "rejected"]);
  const all = await Promise.allSettled([double(1), double(99)]);
  expect(all.map((r) => r.status)).toEqual(["rejected", "rejected"]);
  expect(await double(7)).toBe(14);
});
