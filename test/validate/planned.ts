import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGraph } from "../../src/assembly/graph.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Func } from "../../src/mil/program.ts";
import type { PlanOptions } from "../../src/options.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import type { Plan } from "../../src/plan.ts";
import { makePlan, type Planned } from "../../src/planning/make-plan.ts";
import type { HostTensors } from "../../src/run/host-tensor.ts";
import { openSession } from "../../src/run/session.ts";
import { checkpointReference, type Reference } from "../../src/validate/reference.ts";
import type { Executor } from "../../src/validate/validate.ts";
import { casesOf, checkpointOf } from "../fixtures/case.ts";

/** The plans of a fixture, as the pipeline makes them. */
export function plannedOf(modelType: string, caseName: string, options: PlanOptions = {}): Planned {
  return makePlan(...checkpointAndOptions(modelType, caseName, options));
}

export const planOf = (modelType: string, caseName: string, options: PlanOptions = {}): Plan =>
  plannedOf(modelType, caseName, options).plans[0] as Plan;

function checkpointAndOptions(modelType: string, caseName: string, options: PlanOptions) {
  const c = casesOf(modelType).find(({ name }) => name === caseName);
  if (!c) throw new RangeError(`no case ${caseName} of ${modelType}`);
  return [checkpointOf(modelType, c), { ...c.options, task: c.task, ...options }] as const;
}

/** A folder for packages, and how fixtures get there. */
export function packageFolder() {
  const folder = mkdtempSync(join(tmpdir(), "validate-"));
  let written = 0;
  return {
    path: folder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
    /** Writes the first plan of a fixture. `change` edits the float32 graph. */
    async write(
      modelType: string,
      caseName: string,
      options: PlanOptions = {},
      change: (func: Func) => Func = (func) => func,
    ): Promise<{ readonly path: string; readonly plan: Plan }> {
      const [checkpoint, all] = checkpointAndOptions(modelType, caseName, options);
      const planned = makePlan(checkpoint, all);
      const plan = planned.plans[0] as Plan;
      const model = buildGraph(plan, planned, checkpoint);
      const functions = [...model.program.functions].map(([name, f]): [string, Func] => {
        const changed = change(f);
        return [name, plan.precision === "float16" ? halfPrecision(changed, ops) : changed];
      });
      const path = join(folder, `Model${written++}.mlpackage`);
      await writePackage(path, { ...model, program: { ...model.program, functions: new Map(functions) } }, ops);
      return { path, plan };
    },
  };
}

/** ONNX Runtime without a process of its own, so that tests run from the sources alone. */
export const inProcess: Executor = async (path, { mode, watch, function: name }) => {
  const session = await openSession(path, { mode, ...(watch ? { watch } : {}), ...(name ? { function: name } : {}) });
  return {
    interface: session.interface,
    roundings: session.roundings,
    blocks: session.blocks,
    ...(session.classes ? { classes: session.classes } : {}),
    peakMemory: 1,
    run: (inputs) => session.run(inputs),
    close: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
};

/** The float32 package as the reference. */
export const referenceOf = (path: string): Reference =>
  checkpointReference("fixture", async (inputs): Promise<HostTensors> => {
    const session = await openSession(path, { mode: "wide" });
    return (await session.run(inputs)).outputs;
  });
