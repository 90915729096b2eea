import { defineTask, output } from "./task.ts";

export const textGeneration = defineTask({
  id: "text-generation",
  olderName: "causal-lm",
  autoModel: "AutoModelForCausalLM",
  classSuffix: /(ForCausalLM|LMHeadModel)$/,
  plan: () => ({ outputs: [output("logits")] }),
});
