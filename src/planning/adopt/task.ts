import type { AnyArchitecture } from "../../architectures/architecture.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { Diagnostic } from "../../diagnostics.ts";
import type { TaskId } from "../../plan.ts";
import { tasks } from "../../tasks/index.ts";
import { taskOf } from "../task-names.ts";

/** Tasks a package may be for, the likeliest first. */
export interface TaskCandidates {
  /** All are tried where there are several. */
  readonly tasks: readonly TaskId[];
  /** Who says so, in words. */
  readonly source: string;
  readonly diagnostics: readonly Diagnostic[];
}

const TASK_KEY = "co.huggingface.exporters.task";

/**
 * What a package is for: as asked, else as its plan or the 2023 exporter's metadata says, else any head the model has,
 * that of config.json before the others.
 * @param asked a task by any of its names; `auto` means the head that config.json names
 * @throws ConversionError `task.unknown`, `task.auto`
 */
export function taskCandidates(
  asked: string | undefined,
  stored: TaskId | undefined,
  metadata: ReadonlyMap<string, string>,
  architecture: AnyArchitecture,
  { config }: Pick<Checkpoint, "config">,
): TaskCandidates {
  const diagnostics: Diagnostic[] = [];
  const named = (task: string, path: string, quietly: boolean): TaskId =>
    taskOf({ task }, config, (d) => {
      if (!quietly) diagnostics.push({ ...d, severity: "warning", path });
    }).task.id;
  if (asked !== undefined) return { tasks: [named(asked, "--feature", false)], source: "--feature", diagnostics };
  if (stored !== undefined) return { tasks: [stored], source: "the plan in its metadata", diagnostics };
  const written = metadata.get(TASK_KEY);
  if (written !== undefined) {
    // An older name is what an older tool had to write.
    const known = Object.values(tasks).some((t) => [t.id, t.olderName].includes(written.replace(/-with-past$/, "")));
    if (known) return { tasks: [named(written, TASK_KEY, true)], source: `${TASK_KEY} in its metadata`, diagnostics };
    diagnostics.push({
      code: "adopt.task",
      severity: "warning",
      path: TASK_KEY,
      message: `is '${written}', which is no task; it is not used`,
    });
  }
  const classes: readonly unknown[] = Array.isArray(config.architectures) ? config.architectures : [];
  const isNamed = (id: TaskId): boolean => classes.some((c) => typeof c === "string" && tasks[id].classSuffix.test(c));
  const heads = Object.keys(architecture.heads).filter((id): id is TaskId => id in tasks);
  const sorted = [...heads.filter(isNamed), ...heads.filter((id) => !isNamed(id))];
  return { tasks: sorted, source: "its outputs and config.json", diagnostics };
}
