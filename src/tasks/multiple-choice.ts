import { classifier } from "./classifier.ts";
import { defineTask } from "./task.ts";

export const multipleChoice = defineTask({
  id: "multiple-choice",
  autoModel: "AutoModelForMultipleChoice",
  classSuffix: /ForMultipleChoice$/,
  hasChoices: true,
  segments: () => true,
  plan({ labels, choices }) {
    const named = Array.from({ length: choices }, (_, i) => labels[i] ?? `LABEL_${i}`);
    return { ...classifier(named), choices };
  },
  /** The head scores each choice: [choices, 1]. */
  adapt: ({ logits, ...rest }, { choices = 2 }) => ({
    ...rest,
    ...(logits ? { logits: logits.reshape({ shape: [1, choices] }) } : {}),
  }),
});
