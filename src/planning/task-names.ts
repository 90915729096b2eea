import { type Diagnostic, fail } from "../diagnostics.ts";
import { nearest } from "../nn/nearest.ts";
import type { PlanOptions } from "../options.ts";
import { tasks } from "../tasks/index.ts";
import type { Task } from "../tasks/task.ts";

const WITH_PAST = "-with-past";

/**
 * The task a name stands for: canonical or older, `-with-past` behind it meaning `usePast`; `auto` reads the head from
 * the config's `architectures`.
 * @throws ConversionError `task.unknown`, `task.auto`
 */
export function taskOf(
  options: Pick<PlanOptions, "task" | "usePast">,
  config: Readonly<Record<string, unknown>>,
  warn: (d: Omit<Diagnostic, "severity">) => void,
): { readonly task: Task; readonly usePast: boolean } {
  const asked = options.task ?? "feature-extraction";
  const usePast = options.usePast ?? asked.endsWith(WITH_PAST);
  const name = asked.endsWith(WITH_PAST) ? asked.slice(0, -WITH_PAST.length) : asked;
  if (name === "auto") return { task: headOf(config), usePast };
  const all = Object.values(tasks);
  const task = all.find((t) => t.id === name);
  if (task) return { task, usePast };
  const older = all.find((t) => t.olderName === name);
  if (older) {
    warn({ code: "task.older", message: `'${name}' is the older name of ${older.id}` });
    return { task: older, usePast };
  }
  const close = nearest(
    name,
    all.flatMap((t) => [t.id, ...(t.olderName ? [t.olderName] : [])]),
  );
  return fail("usage", "task.unknown", `'${asked}' is no task`, {
    path: "--feature",
    hint: `${close ? `did you mean '${close}'? ` : ""}tasks: ${all.map((t) => t.id).join(", ")}`,
  });
}

function headOf(config: Readonly<Record<string, unknown>>): Task {
  const classes = config.architectures;
  const [name] = Array.isArray(classes) ? classes : [];
  const task = typeof name === "string" ? Object.values(tasks).find((t) => t.classSuffix.test(name)) : undefined;
  return (
    task ??
    fail("usage", "task.auto", `architectures is ${JSON.stringify(classes)}, which names no task`, {
      path: "config.json",
      hint: "name the task with --feature",
    })
  );
}
