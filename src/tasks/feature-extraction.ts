import { defineTask, output } from "./task.ts";

export const featureExtraction = defineTask({
  id: "feature-extraction",
  olderName: "default",
  autoModel: "AutoModel",
  classSuffix: /Model$/,
  plan({ pooler, warn }) {
    if (pooler === false) {
      warn({
        code: "output.pooler",
        message: "the checkpoint has no pooler weights, so there is no pooler_output (PyTorch would invent them)",
      });
    }
    return { outputs: [output("last_hidden_state"), ...(pooler ? [output("pooler_output")] : [])] };
  },
});
