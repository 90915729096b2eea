import { basename } from "node:path";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { chooseReference } from "./choose-reference.ts";
import type { Model } from "./coreml/package.ts";
import type { PackageSize } from "./coreml/package-size.ts";
import type { ConversionSettings } from "./options.ts";
import type { Plan } from "./plan.ts";
import type { Planned } from "./planning/make-plan.ts";
import type { Progress } from "./progress.ts";
import type { Execution } from "./run/execute.ts";
import { Spill } from "./run/spill.ts";
import type { Staging } from "./staging.ts";
import type { CastStatistics } from "./tensor/cast-statistics.ts";
import { type HalfRangeRow, halfRange } from "./validate/half-range.ts";
import type { InputSuite } from "./validate/input-set.ts";
import { inputSuite } from "./validate/input-suite.ts";
import type { PackageValidation } from "./validate/package-validation.ts";
import { openTokenizer } from "./validate/tokenizer.ts";
import { type Executor, validatePackage } from "./validate/validate.ts";

export interface ValidationOptions extends ConversionSettings {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** A package just written, and what it was made from. */
export interface Made {
  readonly path: string;
  readonly size: PackageSize;
  readonly plan: Plan;
  readonly planned: Planned;
  readonly checkpoint: Checkpoint;
  /** The graph in float32, weights in the checkpoint. */
  readonly float: Model;
  readonly staging: Pick<Staging, "path">;
  /** Runs the package where its calls are not those of the plan. */
  readonly executor?: Executor;
  /** Of each weight that was cast: what did not survive. */
  readonly casts: ReadonlyMap<string, CastStatistics>;
}

/** What running the package showed. */
export interface Tried {
  readonly validation: PackageValidation;
  readonly halfRange: readonly HalfRangeRow[];
}

/** How many calls the search for large half-precision values makes: each reads every inner value. */
const HALF_RANGE_CALLS = 2;

/** Runs the package and compares it with the reference asked for. @throws what `signal` was aborted with */
export async function validatePlanned(made: Made, options: ValidationOptions): Promise<Tried> {
  const { plan, planned, checkpoint, path } = made;
  const name = basename(path);
  const usesTokenizer = options.preprocessor !== "feature_extractor";
  const { tokenizer, diagnostics } = openTokenizer((name) => (usesTokenizer ? checkpoint.file(name) : undefined));
  const { traits } = planned;
  const suiteFor = (shaped: Plan): InputSuite => {
    const suite = inputSuite(shaped, {
      ...(traits.kind === "text" ? { vocabulary: traits.vocabulary, segments: traits.segments ?? 1 } : {}),
      ...paddingOf(checkpoint),
      ...(tokenizer ? { tokenizer } : {}),
    });
    return { ...suite, diagnostics: [...suite.diagnostics, ...diagnostics] };
  };
  const spill = new Spill(made.staging.path(`${name}.reference.bin`));
  const open: Execution[] = [];
  try {
    const { reference, suite } = await chooseReference(made, options, {
      suite: suiteFor,
      ...paddingOf(checkpoint),
      limits: limitsOf(options),
      spill,
      open,
    });
    const validation = await validatePackage({
      path,
      plan,
      reference,
      suite,
      executor: options.executor === "coreml" ? "coreml" : "onnxruntime",
      ...(made.executor ? { executors: { onnxruntime: made.executor } } : {}),
      ...(options.atol === undefined ? {} : { atol: options.atol }),
      ...limitsOf(options),
      onProgress: ({ done, total }) =>
        options.onProgress?.({ phase: "validate", part: name, done, total, unit: "runs" }),
    });
    const wasRun = validation.verdict.status === "passed" && plan.precision === "float16";
    const sets = suite.sets.slice(0, HALF_RANGE_CALLS);
    return { validation, halfRange: wasRun ? await halfRange(path, sets, limitsOf(options), made.executor) : [] };
  } finally {
    for (const e of open) e.close();
    spill.close();
  }
}

const limitsOf = ({ timeLimit, signal }: ValidationOptions): { timeLimit?: number; signal?: AbortSignal } => ({
  ...(timeLimit === undefined ? {} : { timeLimit }),
  ...(signal ? { signal } : {}),
});

const paddingOf = ({ config }: Checkpoint): { readonly paddingId?: number } =>
  typeof config.pad_token_id === "number" ? { paddingId: config.pad_token_id } : {};
