import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The longest line of code. */
const MAX_LINE = 120;

/** What the files of a folder define with `define(...)`: file, name and, where it has one, id. */
function definitions(folder, define) {
  const pattern = new RegExp(`^export const (\\w+) = ${define}\\(\\{(?:\\s*id: "([^"]+)",)?`, "gm");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .sort()
    .flatMap((file) => {
      const found = [...readFileSync(join(folder, file), "utf8").matchAll(pattern)];
      return found.map(([, name, id]) => ({ file, name, id }));
    });
}

/** Import lines, in the order of the files. */
function imports(definitions, types) {
  const files = [...new Set(definitions.map((d) => d.file))];
  const lines = new Map(files.map((file) => [file, `import { ${names(definitions, file)} } from "./${file}";`]));
  for (const [file, type] of types) lines.set(file, `import type { ${type} } from "./${file}";`);
  return [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
}

const names = (definitions, file) =>
  definitions
    .filter((d) => d.file === file)
    .map((d) => d.name)
    .sort()
    .join(", ");

/** src/architectures/index.ts */
export function architectureIndex() {
  const found = definitions("src/architectures", "defineArchitecture");
  const start = "export const architectures: readonly AnyArchitecture[] = [";
  const all = found.map((d) => d.name);
  const line = `${start}${all.join(", ")}];`;
  return [
    ...imports(found, [["architecture.ts", "AnyArchitecture"]]),
    "",
    "/** Every architecture, by `model_type`. */",
    ...(line.length <= MAX_LINE ? [line] : [start, ...all.map((name) => `  ${name},`), "];"]),
    "",
  ].join("\n");
}

/** src/tasks/index.ts, the tasks in the order of `taskIds` in src/plan.ts. */
export function taskIndex() {
  const found = definitions("src/tasks", "defineTask");
  const [, list] = /^export const taskIds = \[([^\]]*)\]/m.exec(readFileSync("src/plan.ts", "utf8"));
  const ids = [...list.matchAll(/"([^"]+)"/g)].map(([, id]) => id);
  const ordered = [...found].sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));

  return [
    'import type { TaskId } from "../plan.ts";',
    ...imports(found, [["task.ts", "Task"]]),
    "",
    "/** Every task, by its canonical name. */",
    "export const tasks: Readonly<Record<TaskId, Task>> = {",
    ...ordered.map(({ id, name }) => `  "${id}": ${name},`),
    "};",
    "",
  ].join("\n");
}
