import { fail, quoted } from "../diagnostics.ts";
import type { TaskContext } from "../tasks/task.ts";

/** More classes than any model has; beyond it the config is broken. */
const MAX_LABELS = 1_000_000;

/**
 * A head's labels in order: `id2label`, else `LABEL_i` for `num_labels`, of which Transformers assumes two.
 * @throws ConversionError `config.labels` when ids are missing or no integers
 */
export function labelsOf(config: Readonly<Record<string, unknown>>): readonly string[] {
  const given = config.id2label;
  if (given === undefined || given === null) {
    const count = config.num_labels ?? 2;
    if (typeof count !== "number" || !Number.isInteger(count) || count < 1 || count > MAX_LABELS) {
      return fail("unreadable", "config.labels", `num_labels is ${quoted(count)}, expected a number of labels`, {
        path: "config.json",
      });
    }
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  }
  const entries =
    typeof given === "object"
      ? Object.entries(given as Record<string, unknown>)
      : fail("unreadable", "config.labels", "id2label is no object", { path: "config.json" });
  const labels: string[] = [];
  for (const [id, label] of entries) {
    const i = Number(id);
    if (!Number.isInteger(i) || i < 0 || i >= entries.length)
      fail("unreadable", "config.labels", `id2label has the id '${id}', expected 0 to ${entries.length - 1}`, {
        path: "config.json",
      });
    if (typeof label === "object" && label !== null)
      fail("unreadable", "config.labels", `id2label has ${quoted(label)} for id ${i}, expected a name`, {
        path: "config.json",
      });
    labels[i] = String(label);
  }
  return labels;
}

/** Which loss the head was trained with, which decides how its logits are finished. */
export function problemOf(config: Readonly<Record<string, unknown>>): TaskContext["problem"] {
  const type = config.problem_type ?? "single_label_classification";
  if (type === "regression" || type === "single_label_classification" || type === "multi_label_classification")
    return type;
  return fail("unsupported", "config.unsupported", `problem_type is ${quoted(type)}`, { path: "config.json" });
}
