import { supportedArchitectures } from "../list.ts";
import { taskIds } from "../plan.ts";
import type { Run } from "./command.ts";
import { exitStatus } from "./exit-status.ts";
import { textTable } from "./text-table.ts";

/** `coreml-export list`: a row per task, a column per architecture. */
export const run: Run = async ({ values }) => {
  const supported = supportedArchitectures();
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ architectures: supported }, null, 2)}\n`);
    return exitStatus.passed;
  }
  const rows = taskIds.map((task) => [task, ...supported.map((a) => (a.tasks.includes(task) ? "yes" : "-"))]);
  process.stdout.write(textTable([["task", ...supported.map((a) => a.modelType)], ...rows]));
  return exitStatus.passed;
};
