import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildGraph } from "../../src/assembly/graph.ts";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { verify } from "../../src/mil/verify.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import type { TaskId } from "../../src/plan.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { openSession, type Session } from "../../src/run/session.ts";
import { keepPackage } from "../keep-package.ts";

export type Precision = "float32" | "float16";

/** A file of an example's folder. */
export const exampleFile = (example: string, ...path: readonly string[]): string =>
  join(fileURLToPath(new URL("../../examples/", import.meta.url)), example, ...path);

/** What training measured. */
export const metricsOf = (example: string): Readonly<Record<string, unknown>> =>
  JSON.parse(readFileSync(exampleFile(example, "metrics.json"), "utf8"));

export const openExample = (example: string): Checkpoint => openCheckpoint(exampleFile(example, "model"));

/** The package of an example, written into `folder` and read back. */
export async function convertedExample(
  example: string,
  task: TaskId,
  precision: Precision,
  folder: string,
): Promise<Session> {
  const checkpoint = openExample(example);
  try {
    const planned = makePlan(checkpoint, { task, precision });
    const [plan] = planned.plans;
    if (!plan) throw new Error(`${example}: nothing is planned`);
    const model = buildGraph(plan, planned, checkpoint);
    const functions = [...model.program.functions].map(
      ([name, f]) => [name, precision === "float16" ? halfPrecision(f, ops) : f] as const,
    );
    const program = { functions: new Map(functions) };
    verify(program, ops);
    const path = join(folder, `${example}_${precision}.mlpackage`);
    await writePackage(path, { ...model, program }, ops);
    keepPackage(path);
    return await openSession(path, { mode: "rounded" });
  } finally {
    checkpoint.close();
  }
}

/** The share of labels that are as expected, with the four digits of `metrics.json`. */
export function accuracy(labels: readonly unknown[], expected: readonly string[]): number {
  const right = labels.filter((label, i) => label === expected[i]).length;
  return Math.round((right / expected.length) * 1e4) / 1e4;
}
