import { architectures } from "./architectures/index.ts";
import { fail } from "./diagnostics.ts";
import { nearest } from "./nn/nearest.ts";
import type { TaskId } from "./plan.ts";
import { supportedTasks as tasksOf } from "./planning/make-plan.ts";

/** What is supported of one model type. */
export interface SupportedArchitecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly tasks: readonly TaskId[];
  /** The modeling file of Transformers it follows. */
  readonly reference: string;
}

/** Every architecture with its tasks, by name. */
export const supportedArchitectures = (): readonly SupportedArchitecture[] =>
  architectures
    .map((a) => ({ modelType: a.modelType, tasks: tasksOf(a), reference: a.reference }))
    .sort((a, b) => (a.modelType < b.modelType ? -1 : 1));

/**
 * The tasks a model type can be converted for.
 * @throws ConversionError `architecture.unsupported`
 */
export function supportedTasks(modelType: string): readonly TaskId[] {
  const all = supportedArchitectures();
  const known = all.map((a) => a.modelType);
  const close = nearest(modelType, known);
  return (
    all.find((a) => a.modelType === modelType)?.tasks ??
    fail("unsupported", "architecture.unsupported", `model_type '${modelType}' is not supported`, {
      hint: `${close ? `did you mean '${close}'? ` : ""}supported: ${known.join(", ")}`,
    })
  );
}
