import { classifier } from "./classifier.ts";
import { defineTask } from "./task.ts";

export const nextSentencePrediction = defineTask({
  id: "next-sentence-prediction",
  autoModel: "AutoModelForNextSentencePrediction",
  classSuffix: /ForNextSentencePrediction$/,
  segments: () => true,
  plan: ({ labels }) => classifier([0, 1].map((i) => labels[i] ?? `LABEL_${i}`)),
});
