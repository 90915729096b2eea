import { describe, expect, test } from "vitest";
import { kindNames } from "./kind-names.ts";
import { planted } from "./planted.ts";
import type { CaseResult } from "./run-case.ts";
import { supervise } from "./supervise.ts";

/** Cases of each kind; `npm run fuzz` makes thousands. */
const COUNT = 50;

test("broken files end in a success or a diagnostic, the same each time", { timeout: 600_000 }, async () => {
  const results: CaseResult[] = [];
  const twice = ["config", "specification"];
  await supervise({ kinds: [...kindNames, ...twice], seed: 7, from: 0, count: COUNT }, (r) => results.push(r));
  const bugs = results.filter((r) => r.bugs.length > 0).map((r) => ({ ...r.id, subject: r.subject, bugs: r.bugs }));
  expect(bugs).toEqual([]);
  for (const kind of kindNames) {
    const ends = results.filter((r) => r.id.kind === kind);
    expect(ends.length, kind).toBe(twice.includes(kind) ? 2 * COUNT : COUNT);
    expect(new Set(ends.map((r) => `${r.id.case} ${r.subject} ${r.end.code}`)).size, kind).toBe(COUNT);
    expect(
      ends.some((r) => r.end.kind === "success"),
      kind,
    ).toBe(true);
  }
  // Broken in many ways, not in one.
  const codes = new Set(results.filter((r) => r.end.kind !== "success").map((r) => r.end.code));
  expect(codes.size).toBeGreaterThan(15);
});

/** What must be said of each fault: once in every case, and of no other. */
const expected: Readonly<Record<string, RegExp>> = {
  "planted-crash": /the process ended \(SIGABRT/,
  "planted-exit": /the process ended \(status 3\)/,
  "planted-hang": /took longer than 12 s/,
  "planted-slowness": /took \d+ ms/,
  "planted-growth": /the process held \d+ MB/,
  "planted-heap": /the process ended .*heap out of memory/s,
  "planted-type-error": /convert threw TypeError/,
  "planted-internal": /convert ended as 'internal'/,
  "planted-late-error": /nobody waits for this/,
  "planted-half-output": /half output/,
  "planted-read-outside": /readFileSync of .*outside/,
  "planted-write-outside": /something changed outside/,
  "planted-write-beside": /more appeared beside/,
  "planted-change": /the folder given was changed/,
};

describe("the fuzzer notices", () => {
  const limits = { seconds: 12, processor: 300, memory: 300 << 20 };
  test("every fault that is planted, and goes on behind it", { timeout: 300_000 }, async () => {
    expect(Object.keys(expected).sort()).toEqual(Object.keys(planted).sort());
    const found = new Map<string, string[]>();
    await supervise(
      { kinds: Object.keys(planted), seed: 1, from: 0, count: 1 },
      ({ id, bugs }) => found.set(id.kind, [...(found.get(id.kind) ?? []), bugs.join(" | ")]),
      limits,
    );
    for (const [kind, pattern] of Object.entries(expected)) {
      expect(found.get(kind)?.length, kind).toBe(1);
      expect(found.get(kind)?.[0], kind).toMatch(pattern);
    }
  });
});
