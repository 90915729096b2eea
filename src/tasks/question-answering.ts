import { defineTask, output } from "./task.ts";

export const questionAnswering = defineTask({
  id: "question-answering",
  autoModel: "AutoModelForQuestionAnswering",
  classSuffix: /ForQuestionAnswering$/,
  segments: (count) => count > 1,
  plan: () => ({
    outputs: [output("start_logits", "softmax", "start_scores"), output("end_logits", "softmax", "end_scores")],
  }),
  /** [b, s, 2] holds the two side by side. */
  adapt({ logits, ...rest }) {
    if (!logits) return rest;
    const [start, end] = logits.split({ num_splits: 2, axis: -1 }).map((t) => t.squeeze({ axes: [-1] }));
    return { ...rest, ...(start && end ? { start_logits: start, end_logits: end } : {}) };
  },
});
