import { defineTask, output } from "./task.ts";

export const fillMask = defineTask({
  id: "fill-mask",
  olderName: "masked-lm",
  autoModel: "AutoModelForMaskedLM",
  classSuffix: /ForMaskedLM$/,
  plan: () => ({ outputs: [output("logits", "softmax", "token_scores")] }),
});
