import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ops } from "../../src/mil/ops/index.ts";
import { openSession } from "../../src/run/session.ts";
import { type CorpusCase, callsOf, cases, compared, corpus } from "./corpus.ts";
import { type CaseError, keyOf, limitOf, readErrors, writeErrors } from "./errors.ts";

/** `CORPUS_ERRORS=write npx vitest run test/ops` records what this run measures, instead of comparing with the record. */
const isRecording = process.env.CORPUS_ERRORS === "write";
const recorded = isRecording ? {} : readErrors();
const measured = new Map<string, CaseError>();

/** How near an error comes to its gate. Integers come after every float: they are equal, or the case has failed. */
const nearness = ({ error, gate }: CaseError): number => (gate === 0 ? -1 : error / gate);

/** Runs every call and returns the error of each expected output. */
async function errorsOf(c: CorpusCase): Promise<readonly (CaseError & { readonly largest: number })[]> {
  const path = join(corpus, c.package);
  const calls = callsOf(c);
  const found: (CaseError & { readonly largest: number })[] = [];
  for (const [n, name] of (c.functions ?? [undefined]).entries()) {
    const session = await openSession(path, { mode: "rounded", ...(name ? { function: name } : {}) });
    for (const call of c.functions ? calls.slice(n, n + 1) : calls) {
      const { outputs, label } = await session.run(call.inputs);
      if (c.label !== undefined) expect(label).toBe(c.label);
      const given = Object.entries(outputs).filter(([key]) => !key.startsWith("state."));
      const expected = Object.entries(call.outputs);
      expect(expected.length, "number of outputs").toBe(given.length);
      expect(expected.length, "number of outputs").toBeGreaterThan(0);
      for (const [key, values] of expected) {
        // A classifier's probabilities are stored without the name its author chose.
        const actual = outputs[key] ?? (given.length === 1 ? given[0]?.[1] : undefined);
        if (!actual) throw new Error(`no output ${key} among ${Object.keys(outputs)}`);
        if (c.op !== "classify") expect(actual.shape, `shape of ${key}`).toEqual(values.shape);
        expect(actual.dtype, `type of ${key}`).toBe(values.dtype);
        const { error, allowed, largest } = compared(actual, values, c.precision);
        expect(error, `${key}: largest difference`).toBeLessThanOrEqual(allowed);
        found.push({ error, relative: largest === 0 ? error : error / largest, gate: allowed, largest });
      }
    }
  }
  return found;
}

describe.each([...new Set(cases.map((c) => c.op))])("%s", (op) => {
  test.each(cases.filter((c) => c.op === op))("$case", async (c) => {
    const errors = await errorsOf(c);
    const worst = errors.reduce((a, b) => (nearness(b) > nearness(a) ? b : a));
    measured.set(keyOf(c), worst);
    if (isRecording) return;
    const record = recorded[keyOf(c)];
    if (!record) throw new Error("errors.json has no entry for this case: record it with CORPUS_ERRORS=write");
    expect(worst.error, `against the recorded error ${record.error}`).toBeLessThanOrEqual(
      limitOf(record, worst.largest, c.precision),
    );
  });
});

test("every row has a case about it, and every case's package holds its op", () => {
  expect(Object.keys(ops).filter((op) => !cases.some((c) => c.op === op))).toEqual([]);
  expect(cases.filter((c) => c.op !== "models" && !c.ops.includes(c.op)).map(keyOf)).toEqual([]);
  expect(cases.filter((c) => c.op !== "models" && !Object.hasOwn(ops, c.op)).map(keyOf)).toEqual([]);
});

test("the index names every package of the corpus, once, and a recorded error belongs to each", () => {
  const folders = readdirSync(corpus, { withFileTypes: true }).filter((f) => f.isDirectory());
  const packages = folders.flatMap((f) =>
    readdirSync(join(corpus, f.name)).flatMap((file) => (file.endsWith(".mlpackage") ? [`${f.name}/${file}`] : [])),
  );
  expect(cases.map((c) => c.package).sort()).toEqual(packages.sort());
  if (!isRecording) expect(Object.keys(recorded)).toEqual(cases.map(keyOf));
});

afterAll(() => {
  if (isRecording && measured.size === cases.length)
    writeErrors(new Map(cases.map((c) => [keyOf(c), measured.get(keyOf(c)) as CaseError])));
});
