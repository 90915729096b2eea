import type { AnyArchitecture } from "./architectures/architecture.ts";
import { precisions, type TaskId, taskIds } from "./plan.ts";
import {
  choice,
  count,
  features,
  imageSize,
  lengths,
  type OptionType,
  onOff,
  positive,
  text,
} from "./planning/option-types.ts";

export type { FeatureOptions } from "./planning/option-types.ts";

/** Who reads an option: what decides the plan, the rest of the pipeline, or the command line alone. */
export type Stage = "plan" | "pipeline" | "shell";

/** One option: its name in the library is its key in the table, on a command line the same in kebab-case. */
export interface Option<T = unknown, S extends Stage = Stage> {
  readonly type: OptionType<T>;
  readonly stage: S;
  readonly group: string;
  readonly help: string;
  /** What the flag says that switches off what is on by default. */
  readonly off?: string;
  /** What is done without it. */
  readonly default?: T | string;
  /** The flag where it is not the key in kebab-case. */
  readonly flag?: string;
  /** Other flags that mean the same. */
  readonly aliases?: readonly string[];
  readonly short?: string;
  /** An operand instead of a flag. */
  readonly operand?: true;
  /** No flag: for a configuration file and the library. */
  readonly flagless?: true;
}

const option = <T, const S extends Stage>(
  type: OptionType<T>,
  stage: S,
  group: string,
  help: string,
  more: Omit<Option<T, S>, "type" | "stage" | "group" | "help"> = {},
): Option<T, S> => ({ type, stage, group, help, ...more });

const executor = option(
  choice("name", ["auto", "onnxruntime", "coreml"]),
  "pipeline",
  "Execution",
  "what runs the package; auto: ONNX Runtime (coreml is not available in this version)",
  { default: "auto" },
);
const timeLimit = option(
  positive("seconds"),
  "pipeline",
  "Execution",
  "how long loading the package, or one call, may take",
  { default: 600 },
);
const json = option(onOff, "shell", "General", "print one JSON document on stdout, errors included", {
  default: false,
});
const verbose = option(onOff, "shell", "General", "print the stack of an internal error (so does DEBUG=1)", {
  default: false,
});

/** Which commit of a model on the Hub, and where it is kept. */
const hub = {
  revision: option(text("revision"), "pipeline", "Hub", "branch, tag, commit or refs/pr/N of a model on the Hub", {
    default: "main",
  }),
  cacheDir: option(text("folder"), "pipeline", "Hub", "where models of the Hub are kept", {
    default: "the cache of the Hub's Python tools: HF_HUB_CACHE, or ~/.cache/huggingface/hub",
  }),
  offline: option(onOff, "pipeline", "Hub", "use what is in the cache, ask no server (so does HF_HUB_OFFLINE=1)"),
} as const;

/** What a package is compared with, and how. */
const comparison = {
  reference: option(
    text<"auto" | "onnx" | "checkpoint" | (string & {})>("reference"),
    "pipeline",
    "Validation",
    "what the package is compared with: onnx (the repository's own ONNX file), checkpoint (our float32 graph over the checkpoint's own weights), a safetensors file of in/<input> and out/<output> you saved, or auto: onnx where a file fits, else checkpoint",
    { default: "auto" },
  ),
  atol: option(positive("N"), "pipeline", "Validation", "largest absolute difference that passes", {
    default: "1e-4 at float32; for float16 from the spread of the reference",
  }),
  executor: { ...executor, group: "Validation" },
  timeLimit: { ...timeLimit, group: "Validation" },
  preprocessor: option(
    choice("name", ["auto", "tokenizer", "feature_extractor", "processor"]),
    "pipeline",
    "Validation",
    "where validation's inputs come from; feature_extractor leaves the tokenizer, and so real sentences, out",
    { default: "auto" },
  ),
} as const;
const report = option(
  text("file"),
  "shell",
  "Validation",
  "write a report; its extension is its format: json, md, html, xml (JUnit)",
);

/** Every option, by the command that takes it. Types, flags, help, documentation and the Action's inputs follow. */
export const options = {
  convert: {
    model: option(
      text("id or folder"),
      "shell",
      "Model",
      "the checkpoint: a local folder with config.json and safetensors, or the id of a model on the Hub",
      {
        short: "m",
      },
    ),
    output: option(text("output"), "shell", "Model", "the folder the package goes to; made when it is missing", {
      operand: true,
    }),
    task: option(
      text<TaskId | "auto" | (string & {})>("task"),
      "plan",
      "Model",
      `what the model is for: ${taskIds.join(", ")}; an older name; any of them followed by -with-past (--use-past); or auto: the head that config.json names`,
      { flag: "feature", aliases: ["task"], default: "feature-extraction" },
    ),
    framework: option(
      choice("name", ["pt", "tf"]),
      "shell",
      "Model",
      "where the weights come from; tf is not supported",
      {
        default: "pt",
      },
    ),
    ...hub,

    usePast: option(onOff, "plan", "Interface", "a decoder that takes and gives keys and values of earlier tokens", {
      default: false,
    }),
    prefill: option(
      onOff,
      "plan",
      "Interface",
      "with --use-past: a second package for the first call, which has no past",
      { default: true, off: "with --use-past: no second package for the first call, which has no past" },
    ),
    emptyPast: option(
      onOff,
      "plan",
      "Interface",
      "with --use-past: allow an empty past and make its inputs optional (nobody has seen a Mac accept that)",
      {
        default: false,
      },
    ),
    sequenceLength: option(
      lengths("length"),
      "plan",
      "Interface",
      "tokens of a call: fixed (128), a range (1..512), an open range (1..) or a list (64,128). Ranges run on the CPU only: fix the length for GPU and Neural Engine",
      { default: "1..128, or the model's maximum where that is less" },
    ),
    imageSize: option(imageSize, "plan", "Interface", "size of the image input, height x width", {
      default: "what the image processor says",
    }),
    tokenTypeIds: option(
      choice("when", ["auto", "on", "off"]),
      "plan",
      "Interface",
      "the input token_type_ids; auto: for tasks about two segments",
      { default: "auto" },
    ),
    attentionMask: option(
      onOff,
      "plan",
      "Interface",
      "the input attention_mask; without it every token is attended to",
      { default: true, off: "leave the input attention_mask out: every token is attended to" },
    ),
    choices: option(count("N"), "plan", "Interface", "choices of a multiple-choice model", {
      default: "num_labels of config.json",
    }),
    inputs: option(features, "plan", "Interface", "inputs renamed, described, given a fixed shape, or removed (null)", {
      flagless: true,
    }),
    outputs: option(
      features,
      "plan",
      "Interface",
      "outputs renamed, described, with softmax on or off, or removed (null)",
      { flagless: true },
    ),

    precision: option(
      choice("precision", precisions),
      "plan",
      "Package",
      "in what the package computes and stores weights",
      {
        flag: "quantize",
        aliases: ["precision"],
        default: "float32",
      },
    ),
    target: option(
      choice("target", ["iOS15", "iOS16", "iOS17", "iOS18", "iOS26"]),
      "plan",
      "Package",
      "the oldest system that must load the package; macOS 12, 13, 14, 15, 26 go with them",
      { default: "iOS16, or what the inputs need" },
    ),
    computeUnits: option(
      choice("units", ["all", "cpu_and_gpu", "cpu_only", "cpu_and_ne"]),
      "plan",
      "Package",
      "what the package is meant to run on; kept in its plan",
      { default: "all" },
    ),
    name: option(text("name"), "pipeline", "Package", "file name of the package", { default: "Model" }),
    overwrite: option(onOff, "pipeline", "Package", "replace a package that stands at the output", { default: false }),
    hashWeights: option(
      onOff,
      "pipeline",
      "Package",
      "put the SHA-256 of a local checkpoint's weights into the metadata",
      {
        default: false,
      },
    ),

    validate: option(
      onOff,
      "pipeline",
      "Validation",
      "run the package and compare it; without it the verdict is `not run`",
      { default: true, off: "do not run the package and compare it; the verdict is `not run`" },
    ),
    ...comparison,
    keepFailed: option(onOff, "pipeline", "Validation", "leave a package that fails at the output", { default: false }),
    report,

    config: option(
      text("file"),
      "shell",
      "General",
      "a JSON file of options under their library names; flags count more",
    ),
    json,
    verbose,
  },
  validate: {
    model: option(
      text("id or folder"),
      "pipeline",
      "Model",
      "the checkpoint the package was made from: a local folder with config.json and safetensors, or the id of a model on the Hub",
      { short: "m" },
    ),
    task: option(
      text<TaskId | "auto" | (string & {})>("task"),
      "plan",
      "Model",
      "what the package is for: one of the tasks of convert, an older name, or auto: the head that config.json names",
      {
        flag: "feature",
        aliases: ["task"],
        default: "what the package's metadata says, else what its outputs and config.json leave",
      },
    ),
    ...hub,
    ...comparison,
    report,
    json,
    verbose,
  },
  predict: {
    inputs: option(
      text("file"),
      "shell",
      "Tensors",
      "a safetensors file with the inputs under their names; images as integers [1, channels, height, width], RGB, 0 to 255; states as state.<name>",
    ),
    output: option(text("file"), "shell", "Tensors", "the safetensors file the outputs, and states, are written to"),
    function: option(text("name"), "pipeline", "Execution", "a function of a package that has several", {
      default: "the package's own default",
    }),
    executor,
    mode: option(
      choice("mode", ["rounded", "wide"]),
      "pipeline",
      "Execution",
      "half precision in ONNX Runtime: rounded after every operation, or not at all (Core ML may do both)",
      { default: "rounded" },
    ),
    timeLimit,
    json: { ...json, help: "print errors as JSON too (the result always is)" },
    verbose,
  },
  inspect: {
    ...hub,
    mil: option(onOff, "shell", "Output", "print the program as text", { default: false }),
    json,
    verbose,
  },
  diff: {
    markdown: option(onOff, "shell", "Output", "print Markdown for a comment or a summary, names escaped", {
      default: false,
    }),
    limit: option(count("N"), "shell", "Output", "how much of each list is shown; JSON always holds everything", {
      default: "20, in Markdown 30",
    }),
    report: option(text("file"), "shell", "Output", "write the difference too; its extension is its format: json, md"),
    exitCode: option(onOff, "shell", "Output", "end with 1 when the packages differ, as git diff does", {
      default: false,
    }),
    json,
    verbose,
  },
  list: { json, verbose },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Option>>>>;

export type CommandName = keyof typeof options;
export type OptionsOf<C extends CommandName> = (typeof options)[C];

/** The values of the rows of a table that are read at the given stages. */
export type ValuesOf<Rows, S extends Stage> = {
  readonly [K in keyof Rows as Rows[K] extends { readonly stage: S } ? K : never]?: Rows[K] extends {
    readonly type: OptionType<infer T>;
  }
    ? T
    : never;
};

/** What decides the plan of a conversion. */
export interface PlanOptions extends ValuesOf<OptionsOf<"convert">, "plan"> {
  /** Architectures beside our own; of two for one model type the given one counts. */
  readonly architectures?: readonly AnyArchitecture[];
}

/** What a conversion can be told in plain data. */
export interface ConversionSettings extends PlanOptions, ValuesOf<OptionsOf<"convert">, "pipeline"> {}

/** What the validation of a package that is there already can be told in plain data. */
export interface ValidationSettings extends ValuesOf<OptionsOf<"validate">, "plan" | "pipeline"> {}

/** What a prediction can be told in plain data. */
export type PredictionSettings = ValuesOf<OptionsOf<"predict">, "pipeline">;

/** `sequenceLength` -> `sequence-length`. */
const kebab = (key: string): string => key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** The flag of an option, without dashes: `no-validate` for one that is on unless switched off. */
export const flagOf = (key: string, { flag, type, default: byDefault }: Option): string =>
  flag ?? (type.placeholder === undefined && byDefault === true ? `no-${kebab(key)}` : kebab(key));
