import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSession } from "../../src/run/session.ts";
import { callsOf, cases, compared, corpus } from "./corpus.ts";

describe.each([...new Set(cases.map((c) => c.op))])("%s", (op) => {
  test.each(cases.filter((c) => c.op === op))("$case", async (c) => {
    const path = join(corpus, c.package);
    const calls = callsOf(c);
    const functions = c.functions ?? [undefined];
    for (const [n, name] of functions.entries()) {
      const session = await openSession(path, { mode: "rounded", ...(name ? { function: name } : {}) });
      for (const call of c.functions ? calls.slice(n, n + 1) : calls) {
        const { outputs, label } = await session.run(call.inputs);
        if (c.label !== undefined) expect(label).toBe(c.label);
        const given = Object.entries(outputs).filter(([key]) => !key.startsWith("state."));
        for (const [key, expected] of Object.entries(call.outputs)) {
          // A classifier's probabilities are stored without the name its author chose.
          const actual = outputs[key] ?? (given.length === 1 ? given[0]?.[1] : undefined);
          expect(actual, `output ${key} of ${Object.keys(outputs)}`).toBeDefined();
          if (!actual) continue;
          if (c.op !== "classify") expect(actual.shape, `shape of ${key}`).toEqual(expected.shape);
          const { error, allowed } = compared(actual, expected, c.precision);
          expect(error, `${key}: largest difference`).toBeLessThanOrEqual(allowed);
        }
      }
    }
  });
});
