// https://github.com/huggingface/optimum/blob/main/optimum/exporters/onnx/constants.py and transformers.js: the names
// of exported files.
import type { Plan } from "../../plan.ts";

/** Where repositories keep such files: optimum and transformers.js, then torch.onnx and older exports. */
const folders = ["onnx/", ""] as const;
const whole = "model.onnx";
/** A decoder exported once for the first call and once for those with a past, or both in one file. */
const decoder = "decoder_model.onnx";
const decoderWithPast = "decoder_with_past_model.onnx";
const decoderMerged = "decoder_model_merged.onnx";

/** Which files of a repository may say what the model of a plan computes, below its folder; the first that fits does. */
export function onnxModelNames({ task, part }: Pick<Plan, "task" | "part">): readonly string[] {
  const single = part === "decode" ? decoderWithPast : decoder;
  const names = task === "text-generation" || part !== "model" ? [whole, single, decoderMerged] : [whole];
  return names.flatMap((name) => folders.map((folder) => `${folder}${name}`));
}

/** What weights of a model beyond 2 GB are called, beside it. A file may name others, which are then missing. */
export const onnxDataNames = (model: string): readonly string[] => [`${model}_data`, `${model}.data`];

/** The same, each followed by what may hold its weights: the first that a repository has is all that is needed. */
export const onnxReferenceFiles = (plan: Pick<Plan, "task" | "part">): readonly (readonly string[])[] =>
  onnxModelNames(plan).map((model) => [model, ...onnxDataNames(model)]);
