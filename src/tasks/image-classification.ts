import { classification } from "./classification.ts";
import { defineTask } from "./task.ts";

export const imageClassification = defineTask({
  id: "image-classification",
  autoModel: "AutoModelForImageClassification",
  classSuffix: /ForImageClassification$/,
  plan: classification,
});
