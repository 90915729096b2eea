import type { AnyArchitecture, ImageTraits, TextTraits } from "../architectures/architecture.ts";
import { type Config, parseConfig, type Schema } from "../architectures/config.ts";
import { architectures as ours } from "../architectures/index.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { readModelCard } from "../checkpoint/model-card.ts";
import { ConversionError, type Diagnostic, fail } from "../diagnostics.ts";
import { nearest } from "../nn/nearest.ts";
import { Weights } from "../nn/weights.ts";
import type { PlanOptions } from "../options.ts";
import type { Plan, PlannedInput, PlannedOutput, TargetName, TaskId } from "../plan.ts";
import { tasks } from "../tasks/index.ts";
import type { Task } from "../tasks/task.ts";
import { VERSION } from "../version.ts";
import { plannedImage } from "./image-input.ts";
import { labelsOf, problemOf } from "./labels.ts";
import { taskOf } from "./task-names.ts";
import { plannedText } from "./text-inputs.ts";

/** The plans of one conversion: one, or prefill and decode for a decoder with a cache. */
export interface Planned {
  readonly plans: readonly Plan[];
  readonly architecture: AnyArchitecture;
  readonly traits: TextTraits | ImageTraits;
  /** The config as the architecture reads it. */
  readonly config: Config<Schema>;
  readonly diagnostics: readonly Diagnostic[];
}

/** The lowest target anything is written for unless asked: half precision inputs and compressed weights start here. */
const DEFAULT_TARGET: TargetName = "iOS16";

/**
 * Decides everything about a conversion; reads names and shapes of tensors, no values.
 * @throws ConversionError `architecture.unsupported`, `task.*`, `config.*`, `length.*`, `option.*`
 */
export function makePlan(checkpoint: Checkpoint, options: PlanOptions = {}): Planned {
  const diagnostics: Diagnostic[] = [];
  const warn = (d: Omit<Diagnostic, "severity">): void => {
    diagnostics.push({ ...d, severity: "warning" });
  };
  const architecture = architectureOf(checkpoint, options.architectures ?? []);
  const { task, usePast } = taskOf(options, checkpoint.config, warn);
  requireHead(architecture, task);
  const config = configOf(architecture, checkpoint.config);
  const traits = architecture.traits(config as never);
  const labels = labelsOf(checkpoint.config);
  const choices = options.choices ?? labels.length;
  const taskPlan = task.plan({
    config: checkpoint.config,
    labels,
    problem: problemOf(checkpoint.config),
    pooler: poolerOf(architecture, checkpoint, traits),
    choices,
    warn,
  });

  const version = checkpoint.config.transformers_version;
  const { card, diagnostics: cardProblems } = readModelCard(checkpoint.file("README.md"));
  diagnostics.push(...cardProblems);
  const [author] = checkpoint.name.split("/").slice(0, -1);

  const shape =
    traits.kind === "text"
      ? plannedText(task, traits, options, usePast, choices)
      : [plannedImage(task, traits, checkpoint.preprocessor, options)];
  const plans = shape.map(({ part, inputs, lengths, extraOutputs, target }): Plan => {
    const outputs = [...taskPlan.outputs, ...extraOutputs];
    return {
      tool: { name: "coreml-export", version: VERSION },
      model: {
        name: checkpoint.name,
        modelType: architecture.modelType,
        ...(checkpoint.revision ? { revision: checkpoint.revision } : {}),
        ...(typeof version === "string" ? { transformersVersion: version } : {}),
        ...(checkpoint.weightsSha256 ? { weightsSha256: checkpoint.weightsSha256 } : {}),
      },
      ...taskPlan,
      task: task.id,
      part,
      target: targetOf(options.target, target),
      precision: options.precision ?? "float32",
      computeUnits: options.computeUnits ?? "all",
      lengths,
      inputs: changed(inputs, options.inputs ?? {}, "input"),
      outputs: changed(outputs, options.outputs ?? {}, "output").map((o) => finishOf(o, options)),
      about: { ...(author ? { author } : {}), ...card },
    };
  });
  if (plans.some((p) => Object.values(p.lengths).some((l) => !l.values))) diagnostics.push(rangesRunOnTheCpu);
  return { plans: plans.map(withoutBareClassifier), architecture, traits, config, diagnostics };
}

/** https://github.com/apple/coremltools/issues/1764 */
const rangesRunOnTheCpu: Diagnostic = {
  code: "length.range",
  severity: "note",
  message: "Core ML runs a model with a range of lengths on the CPU only",
  hint: "--sequence-length 128 fixes the length, for the GPU and the Neural Engine",
};

/** The architecture of a checkpoint, a given one before ours. @throws ConversionError `architecture.unsupported` */
export function architectureOf(checkpoint: Checkpoint, given: readonly AnyArchitecture[]): AnyArchitecture {
  const type = checkpoint.config.model_type;
  const all = [...given, ...ours];
  const known = all.map((a) => a.modelType);
  if (typeof type !== "string")
    return fail("unreadable", "config.model_type", `model_type is ${JSON.stringify(type)}, expected a name`, {
      path: "config.json",
    });
  const close = nearest(type, known);
  return (
    all.find((a) => a.modelType === type) ??
    fail("unsupported", "architecture.unsupported", `model_type '${type}' is not supported`, {
      path: "config.json",
      hint: `${close ? `did you mean '${close}'? ` : ""}supported: ${[...new Set(known)].sort().join(", ")}`,
    })
  );
}

/** The config as the architecture reads it, its keys checked one by one and against each other. */
function configOf(a: AnyArchitecture, config: Checkpoint["config"]): Config<Schema> {
  const parsed = parseConfig(a.config, config);
  const problems = a.check?.(parsed as never) ?? [];
  if (problems.length > 0) throw new ConversionError("unsupported", problems);
  return parsed;
}

function requireHead(a: AnyArchitecture, task: Task): void {
  if (a.heads[task.id]) return;
  fail("unsupported", "task.unsupported", `${a.modelType} has no ${task.id} head`, {
    hint: `it has ${Object.keys(a.heads).join(", ")}`,
  });
}

/** Whether the checkpoint holds the pooler of an architecture that has one. */
function poolerOf(a: AnyArchitecture, checkpoint: Checkpoint, traits: TextTraits | ImageTraits): boolean | undefined {
  const path = traits.pooler;
  if (path === undefined) return undefined;
  const trunk = Weights.over(checkpoint.tensors, a.naming).base(a.naming.base);
  return trunk.holds(path);
}

function targetOf(asked: TargetName | undefined, needed: TargetName): TargetName {
  const order: readonly TargetName[] = ["iOS15", "iOS16", "iOS17", "iOS18", "iOS26"];
  if (asked === undefined) return order.indexOf(needed) > order.indexOf(DEFAULT_TARGET) ? needed : DEFAULT_TARGET;
  if (order.indexOf(asked) >= order.indexOf(needed)) return asked;
  return fail("usage", "option.target", `target ${asked} is too low: several enumerated inputs need ${needed}`, {
    path: "--target",
  });
}

/** Features renamed, described or removed as asked. */
function changed<F extends PlannedInput | PlannedOutput>(
  features: readonly F[],
  by: NonNullable<PlanOptions["inputs"]>,
  what: string,
): readonly F[] {
  for (const key of Object.keys(by)) {
    if (features.some((f) => f.key === key || f.name === key)) continue;
    fail("usage", `option.${what}`, `the model has no ${what} '${key}'`, {
      hint: `it has ${features.map((f) => f.key).join(", ")}`,
    });
  }
  return features.flatMap((f) => {
    const change =
      by[f.key] ?? (Object.hasOwn(by, f.key) ? null : (by[f.name] ?? (Object.hasOwn(by, f.name) ? null : {})));
    if (change === null) return [];
    const named = {
      ...f,
      ...(change.name ? { name: change.name } : {}),
      ...(change.description ? { description: change.description } : {}),
    };
    return [change.shape && "shape" in named ? { ...named, shape: change.shape } : named];
  });
}

/** `softmax` on or off; a classifier without softmax becomes a plain model with logits. */
function finishOf(o: PlannedOutput, options: PlanOptions): PlannedOutput {
  const change = options.outputs?.[o.key] ?? options.outputs?.[o.name];
  if (change?.softmax === undefined) return o;
  if (change.softmax) return o.finish === "none" ? { ...o, finish: "softmax" } : o;
  return o.finish === "none" ? o : { ...o, finish: "none", name: change.name ?? o.key };
}

function withoutBareClassifier(plan: Plan): Plan {
  const scores = plan.outputs.find((o) => o.finish === "classifier");
  const { classifier, ...rest } = plan;
  return scores && classifier ? { ...rest, classifier: { ...classifier, probabilities: scores.name } } : rest;
}

/** What `supportedTasks` and the support page read. */
export const supportedTasks = (a: AnyArchitecture): readonly TaskId[] =>
  Object.keys(a.heads).filter((t): t is TaskId => t in tasks);
