import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildGraph } from "../../src/assembly/graph.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { dimText } from "../../src/mil/dim.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { print } from "../../src/mil/print.ts";
import type { Func } from "../../src/mil/program.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { casesOf, checkpointOf } from "../fixtures/case.ts";
import { keepPackage } from "../keep-package.ts";
import { cases } from "../ops/corpus.ts";
import { corpus, MODEL, testFolder, WEIGHTS } from "./files.ts";

const folder = testFolder();
let count = 0;
const newPath = (): string => join(folder, `${count++}.mlpackage`);

const bytesOf = (path: string, file: string): string | undefined =>
  existsSync(join(path, file)) ? readFileSync(join(path, file)).toString("latin1") : undefined;

const textOf = (path: string): string => {
  using model = readPackage(path, ops);
  return print(model.program);
};

/** Reads and writes a package. @returns the path of the new one */
async function rewritten(path: string): Promise<string> {
  using model = readPackage(path, ops);
  const to = newPath();
  await writePackage(to, model, ops);
  return to;
}

const isSame = (a: string | undefined, b: string | undefined): boolean => a === b;

describe("what coremltools wrote is read, verified and written again as it was", () => {
  test.each([...new Set(cases.map((c) => c.op))])("%s", async (op) => {
    for (const c of cases.filter((x) => x.op === op)) {
      const path = join(corpus, c.package);
      const again = await rewritten(path);
      // `toBe` would print both files.
      expect(isSame(bytesOf(again, MODEL), bytesOf(path, MODEL)), `${c.case}: specification`).toBe(true);
      expect(isSame(bytesOf(again, WEIGHTS), bytesOf(path, WEIGHTS)), `${c.case}: weights`).toBe(true);
      expect(textOf(again)).toBe(textOf(path));
    }
  });
});

const mainOf = (path: string): Func => {
  using model = readPackage(path, ops);
  return model.program.functions.get("main") as Func;
};
const shapesOf = (f: Func): Record<string, readonly string[]> =>
  Object.fromEntries(f.inputs.map((v) => [v.name, v.type.kind === "tensor" ? v.type.shape.map(dimText) : []]));

test.each(cases.filter((c) => c.case.startsWith("bert_flexible")))("$case: all inputs share one length", (c) => {
  const lengths = new Set(Object.values(shapesOf(mainOf(join(corpus, c.package)))).map((shape) => shape[1]));
  expect(lengths.size).toBe(1);
  expect([...lengths][0]).toMatch(/^[a-z_]+\.1$/);
});

describe.each(["float32", "float16"] as const)("our own models, %s", (precision) => {
  const withPast = ["gpt2", "bert"].flatMap((modelType) => {
    const c = casesOf(modelType).find((x) => modelType !== "gpt2" || x.options?.usePast);
    return c ? [[modelType, c] as const] : [];
  });
  test.each(withPast)("%s: read back, the text and the bytes stay", async (modelType, c) => {
    const checkpoint = checkpointOf(modelType, c);
    const planned = makePlan(checkpoint, { ...c.options, task: c.task, precision });
    for (const plan of planned.plans) {
      const model = buildGraph(plan, planned, checkpoint);
      const halved = (f: Func): Func => (precision === "float16" ? halfPrecision(f, ops) : f);
      const program = { functions: new Map([...model.program.functions].map(([name, f]) => [name, halved(f)])) };
      const path = newPath();
      await writePackage(path, { ...model, program }, ops);
      keepPackage(path);
      const again = await rewritten(path);
      expect(isSame(bytesOf(again, MODEL), bytesOf(path, MODEL)), "specification").toBe(true);
      expect(isSame(bytesOf(again, WEIGHTS), bytesOf(path, WEIGHTS)), "weights").toBe(true);
      expect(textOf(again)).toBe(textOf(path));
      if (plan.part !== "decode") continue;
      const shapes = shapesOf(mainOf(path));
      // The mask covers past and present: P + S, here solved for the past, which comes last.
      expect([shapes.input_ids, shapes.attention_mask]).toEqual([
        ["1", "input_ids.1"],
        ["1", "attention_mask.1"],
      ]);
      for (const [name, shape] of Object.entries(shapes)) {
        if (name.startsWith("past_")) expect(shape[2], name).toBe("attention_mask.1 - input_ids.1");
      }
    }
  });
});
