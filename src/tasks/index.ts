import type { TaskId } from "../plan.ts";
import { featureExtraction } from "./feature-extraction.ts";
import { fillMask } from "./fill-mask.ts";
import { imageClassification } from "./image-classification.ts";
import { maskedImageModeling } from "./masked-im.ts";
import { multipleChoice } from "./multiple-choice.ts";
import { nextSentencePrediction } from "./next-sentence-prediction.ts";
import { questionAnswering } from "./question-answering.ts";
import type { Task } from "./task.ts";
import { textClassification } from "./text-classification.ts";
import { textGeneration } from "./text-generation.ts";
import { tokenClassification } from "./token-classification.ts";

/** Every task, by its canonical name. */
export const tasks: Readonly<Record<TaskId, Task>> = {
  "feature-extraction": featureExtraction,
  "text-generation": textGeneration,
  "fill-mask": fillMask,
  "text-classification": textClassification,
  "token-classification": tokenClassification,
  "question-answering": questionAnswering,
  "multiple-choice": multipleChoice,
  "next-sentence-prediction": nextSentencePrediction,
  "image-classification": imageClassification,
  "masked-im": maskedImageModeling,
};
