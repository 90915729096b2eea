import { classification } from "./classification.ts";
import { defineTask } from "./task.ts";

export const textClassification = defineTask({
  id: "text-classification",
  olderName: "sequence-classification",
  autoModel: "AutoModelForSequenceClassification",
  classSuffix: /ForSequenceClassification$/,
  plan: classification,
});
