/**
 * What will be converted, decided once. Writer, runner, comparer and reporter read the plan and derive nothing again; it
 * is plain JSON, stored in the package's metadata and in the report, so that any result can be made again from it.
 */
export const taskIds = [
  "feature-extraction",
  "text-generation",
  "fill-mask",
  "text-classification",
  "token-classification",
  "question-answering",
  "multiple-choice",
  "next-sentence-prediction",
  "image-classification",
  "masked-im",
] as const;
export type TaskId = (typeof taskIds)[number];

export const precisions = ["float32", "float16"] as const;
export type Precision = (typeof precisions)[number];

export type TargetName = "iOS15" | "iOS16" | "iOS17" | "iOS18" | "iOS26";

/** A length that may differ from call to call: a range, or a list of values of which a call uses one. */
export interface PlannedLength {
  readonly min: number;
  readonly max: number;
  /** The length Core ML prepares for. */
  readonly default: number;
  /** Enumerated lengths; the default first. */
  readonly values?: readonly number[];
}

/** A size: fixed, or the sum of named lengths and numbers (`["P", "S"]`, `["P", "1"]`). */
export type PlannedDim = number | readonly string[];

interface PlannedFeature {
  /** What the architecture or task calls it; `name` is what the package's user sees. */
  readonly key: string;
  readonly name: string;
  readonly description?: string;
}

export interface PlannedTensor extends PlannedFeature {
  readonly kind: "tensor";
  readonly dtype: "int32" | "fp32";
  readonly shape: readonly PlannedDim[];
  /** What the numbers mean: what validation feeds, and which positions it compares. */
  readonly role: "ids" | "mask" | "segments" | "past" | "patch-mask";
  /** A call may leave it out; it is then as short as its lengths allow, and 0. */
  readonly optional?: boolean;
}

/** Pixels 0 to 255 go in; `pixel * scale[c] + bias[c]` per channel happens inside the model. */
export interface PlannedImage extends PlannedFeature {
  readonly kind: "image";
  readonly colorSpace: "RGB" | "BGR" | "GRAYSCALE";
  readonly height: number;
  readonly width: number;
  readonly scale: readonly number[];
  readonly bias: readonly number[];
}

export type PlannedInput = PlannedTensor | PlannedImage;

/** What is done to a raw output. `classifier`: softmax, then label and dictionary of probabilities. */
export type Finish = "none" | "softmax" | "sigmoid" | "classifier";

export interface PlannedOutput extends PlannedFeature {
  readonly finish: Finish;
}

export interface Plan {
  readonly tool: { readonly name: "coreml-export"; readonly version: string };
  readonly model: {
    readonly name: string;
    readonly modelType: string;
    /** The commit on the Hub. */
    readonly revision?: string;
    /** What `config.json` says the checkpoint was saved with. */
    readonly transformersVersion?: string;
    /** Of the weight file, or over the sorted `name hash` lines of several. From the Hub, or where it was asked for. */
    readonly weightsSha256?: string;
  };
  readonly task: TaskId;
  /** Which graph of the model: a decoder with a cache has two. */
  readonly part: "model" | "prefill" | "decode";
  readonly target: TargetName;
  readonly precision: Precision;
  readonly computeUnits: "all" | "cpu_and_gpu" | "cpu_only" | "cpu_and_ne";
  readonly lengths: Readonly<Record<string, PlannedLength>>;
  readonly inputs: readonly PlannedInput[];
  readonly outputs: readonly PlannedOutput[];
  /** A classifier's labels, or the classes of a model that is none, in the order of its scores. */
  readonly labels?: readonly string[];
  readonly classifier?: { readonly label: string; readonly probabilities: string };
  /** Choices of a multiple-choice model. */
  readonly choices?: number;
  /** Free text of the package. */
  readonly about: { readonly author?: string; readonly license?: string; readonly version?: string };
}
