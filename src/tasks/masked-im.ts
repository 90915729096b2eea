import { defineTask, output } from "./task.ts";

export const maskedImageModeling = defineTask({
  id: "masked-im",
  autoModel: "AutoModelForMaskedImageModeling",
  classSuffix: /ForMaskedImageModeling$/,
  plan: () => ({ outputs: [output("logits")] }),
});
