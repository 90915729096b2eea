import { classifier, PROBABILITIES } from "./classifier.ts";
import { output, type TaskContext, type TaskPlan } from "./task.ts";

/** Regression gives plain logits, several labels at once sigmoid probabilities, everything else a classifier. */
export function classification({ labels, problem }: TaskContext): TaskPlan {
  if (labels.length === 1 || problem === "regression") return { outputs: [output("logits")], labels };
  if (problem === "multi_label_classification")
    return { outputs: [output("logits", "sigmoid", PROBABILITIES)], labels };
  return classifier(labels);
}
