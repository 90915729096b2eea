import { existsSync, readFileSync } from "node:fs";
import { supportedArchitectures } from "../../dist/list.js";
import { taskIds } from "../../dist/plan.js";
import { tasks } from "../../dist/tasks/index.js";
import { blocks, code, table } from "./markdown.mjs";

/**
 * docs/support.md: which tasks each architecture has, and how many cases of PyTorch's answers prove each.
 * @throws when a head has no case, or a case loosens its tolerance without a reason
 */
export function support() {
  const architectures = supportedArchitectures();
  const cases = architectures.flatMap((a) => casesOf(a.modelType));
  const head = ["task", "older name", ...architectures.map((a) => `[${a.modelType}](${a.reference})`)];
  const rows = taskIds.map((task) => [
    task,
    tasks[task].olderName ?? "",
    ...architectures.map((a) => (a.tasks.includes(task) ? evidence(a.modelType, task, cases) : "")),
  ]);
  const loosened = cases.filter((c) => c.tolerance !== undefined);
  return blocks(
    "# Supported architectures and tasks",
    "Made from the code and from `fixtures/` by `npm run docs`.",
    [
      "A number counts the configurations whose outputs, made by Transformers and PyTorch, the package must reproduce in",
      "the tests: at float32 within 1e-4.",
    ].join("\n"),
    table(head, rows),
    "## Cases with a wider tolerance",
    loosened.length === 0 ? "None." : table(["model type", "case", "atol", "reason"], loosened.map(loosenedRow)),
  );
}

function casesOf(modelType) {
  const path = `fixtures/${modelType}/cases.json`;
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).cases.map((c) => ({ ...c, modelType })) : [];
}

function evidence(modelType, task, cases) {
  const count = cases.filter((c) => c.modelType === modelType && c.task === task).length;
  if (count === 0) throw new Error(`${modelType} has a ${task} head and no case in fixtures/${modelType}/cases.json`);
  return count;
}

function loosenedRow({ modelType, name, tolerance: { atol, reason } }) {
  if (typeof atol !== "number" || !reason) throw new Error(`${modelType} ${name}: a tolerance needs atol and reason`);
  return [modelType, code(name), atol, reason];
}
