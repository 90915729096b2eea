import { defineTask, output } from "./task.ts";

export const tokenClassification = defineTask({
  id: "token-classification",
  autoModel: "AutoModelForTokenClassification",
  classSuffix: /ForTokenClassification$/,
  plan: ({ labels }) => ({ outputs: [output("logits", "softmax", "token_scores")], labels }),
});
