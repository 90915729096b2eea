import { expect } from "vitest";
import { buildGraph } from "../../src/assembly/graph.ts";
import type { Model } from "../../src/coreml/package.ts";
import { ConversionError, type Diagnostic } from "../../src/diagnostics.ts";
import type { PlanOptions } from "../../src/options.ts";
import type { Plan } from "../../src/plan.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { casesOf, checkpointOf, type FixtureCase } from "../fixtures/case.ts";

/** A fixture's case with other config keys and tensors; `undefined` takes a key or tensor away. */
export interface Changes {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tensors?: Readonly<Record<string, readonly number[] | undefined>>;
  readonly options?: PlanOptions;
}

/** The graphs of a fixture's case, by the part of the model they are. */
export function built(modelType: string, caseName: string, changes: Changes = {}): ReadonlyMap<Plan["part"], Model> {
  const found = casesOf(modelType).find((c) => c.name === caseName);
  if (!found) throw new Error(`no case '${caseName}' of ${modelType}`);
  const tensors = { ...found.tensors, ...changes.tensors };
  const changed = {
    ...found,
    config: present({ ...found.config, ...changes.config }),
    tensors: present(tensors) as FixtureCase["tensors"],
  };
  const checkpoint = checkpointOf(modelType, changed);
  const planned = makePlan(checkpoint, { ...found.options, task: found.task, ...changes.options });
  return new Map(planned.plans.map((plan) => [plan.part, buildGraph(plan, planned, checkpoint)]));
}

/** What refuses a fixture's case with the given changes. */
export function problemsOf(modelType: string, caseName: string, changes: Changes): readonly Diagnostic[] {
  try {
    built(modelType, caseName, changes);
  } catch (error) {
    if (error instanceof ConversionError) return error.diagnostics;
    throw error;
  }
  return expect.unreachable("nothing was refused");
}

const present = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
