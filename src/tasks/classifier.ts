import { output, type TaskPlan } from "./task.ts";

export const CLASS_LABEL = "classLabel";
export const PROBABILITIES = "probabilities";

/** A Core ML classifier over `logits`: a label and a dictionary of probabilities. Equal labels are told apart. */
export function classifier(labels: readonly string[]): TaskPlan {
  return {
    outputs: [output("logits", "classifier", PROBABILITIES)],
    labels: distinct(labels),
    classifier: { label: CLASS_LABEL, probabilities: PROBABILITIES },
  };
}

/** A dictionary needs distinct keys: `_duplicate` is appended until they are. */
export function distinct(labels: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return labels.map((label) => {
    let name = label;
    while (seen.has(name)) name += "_duplicate";
    seen.add(name);
    return name;
  });
}
