/** coreml-export: Hugging Face checkpoints to Core ML packages, proven. The steps are public, one by one. */

export type { Architecture, Build, Head, ImageTraits, TextTraits } from "./architectures/architecture.ts";
export { defineArchitecture } from "./architectures/architecture.ts";
export { c } from "./architectures/config.ts";
export { buildGraph } from "./assembly/graph.ts";
export type { Checkpoint, TensorSource } from "./checkpoint/checkpoint.ts";
export { openCheckpoint } from "./checkpoint/open.ts";
export { type Conversion, type ConvertedPackage, type ConvertOptions, convert } from "./convert.ts";
export { type OpenPackage, readPackage } from "./coreml/read-package.ts";
export { writePackage } from "./coreml/write-package.ts";
export { ConversionError, type Diagnostic, type ErrorKind } from "./diagnostics.ts";
export type {
  FeatureDifference,
  FieldChange,
  FunctionDifference,
  OperationsDifference,
  PackageDifference,
  ValuesDifference,
  WeightDifference,
  WeightForm,
  WeightsDifference,
} from "./diff/difference.ts";
export { differenceMarkdown } from "./diff/markdown.ts";
export { differenceText } from "./diff/text.ts";
export { type DiffOptions, diff } from "./diff.ts";
export { type Inspection, inspect, programText } from "./inspect.ts";
export { supportedArchitectures as architectures, supportedTasks } from "./list.ts";
export { ops } from "./mil/ops/index.ts";
export { print } from "./mil/print.ts";
export { defineOp } from "./mil/row.ts";
export { Graph, type Tensor } from "./mil/tensor.ts";
export { verify } from "./mil/verify.ts";
export { findSource, type ModelSource, type SourceOptions } from "./model-source.ts";
export type { ConversionSettings, PlanOptions } from "./options.ts";
export { halfPrecision } from "./passes/half-precision.ts";
export type { Plan } from "./plan.ts";
export { makePlan, type Planned } from "./planning/make-plan.ts";
export { type OpenModel, openModel, type PredictOptions, predict } from "./predict.ts";
export type { Progress } from "./progress.ts";
export type { Report } from "./report/report.ts";
export type { HostTensor, HostTensors } from "./run/host-tensor.ts";
export type { Prediction } from "./run/session.ts";
export { defineTask, type Task } from "./tasks/task.ts";
export { readTensors, writeTensors } from "./tensor-file.ts";
export { type ValidateOptions, validate } from "./validate-package.ts";
