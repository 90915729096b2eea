import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { ConversionError, type Diagnostic, fail } from "../../diagnostics.ts";
import type { Interface } from "../../mil/interface.ts";
import type { Target } from "../../mil/opset.ts";
import type { Func } from "../../mil/program.ts";
import type { PlanOptions } from "../../options.ts";
import type { Plan, PlannedImage, PlannedInput, PlannedTensor, TaskId } from "../../plan.ts";
import { architectureOf, makePlan, type Planned } from "../make-plan.ts";
import { adoptImage, adoptText, featureList, imageSize, matchInputs } from "./inputs.ts";
import { type AdoptedOutputs, adoptOutputs, type OutputShapes } from "./outputs.ts";
import { measuredPrecision } from "./precision.ts";
import { type StoredPlan, storedPlan } from "./stored.ts";
import { taskCandidates } from "./task.ts";

/** A package as it shows itself. */
export interface DescribedPackage {
  readonly interface: Interface;
  readonly func: Func;
  readonly target: Target;
  /** User-defined metadata. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** A plan for a package that is there already. */
export interface Adopted {
  /** Inputs and outputs under the package's names, in its lengths; labels, pixels and everything else the model's. */
  readonly plan: Plan;
  /** The same, but for the target the model's graph needs. */
  readonly referencePlan: Plan;
  readonly planned: Planned;
  /** Images that the package takes as tensors of normalised pixels. */
  readonly normalised: readonly PlannedImage[];
  /** An input that the model's graph does not have: where each token stands. */
  readonly positions?: string;
  /** Outputs of the package that the model does not give. */
  readonly notCompared: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The raw outputs of the model for a plan. */
export type ShapesOf = (plan: Plan, planned: Planned) => OutputShapes;

/**
 * The plan by which a package of anybody's could have been made from a checkpoint: which task, which input and output is
 * which, in what lengths. The package is trusted in nothing that the checkpoint knows: labels, normalisation, weights.
 * @throws ConversionError `adopt.*` listing what the package has and what the model has, when they do not fit
 */
export function adopt(
  described: DescribedPackage,
  checkpoint: Checkpoint,
  options: Pick<PlanOptions, "task" | "architectures">,
  shapesOf: ShapesOf,
): Adopted {
  const { plan: found, diagnostics } = storedPlan(described.metadata.get("coreml-export.plan"), described.interface);
  const architecture = architectureOf(checkpoint, options.architectures ?? []);
  const candidates = taskCandidates(options.task, found?.task, described.metadata, architecture, checkpoint);
  const said = found?.modelType ?? described.metadata.get("co.huggingface.exporters.architecture");
  const doubts: Diagnostic[] =
    said !== undefined && said !== architecture.modelType
      ? [
          {
            code: "adopt.model",
            severity: "warning",
            message: `the package says it is of a '${said}' model, the checkpoint is a '${architecture.modelType}'`,
          },
        ]
      : [];
  refuseStates(described.interface);
  const adopted = firstFitting(candidates.tasks, described, (task) => {
    const stored = found?.task === task ? found : undefined;
    return adoptAs(task, described, checkpoint, options, shapesOf, stored);
  });
  const note: Diagnostic = {
    code: "adopt.task",
    severity: "note",
    message: `compared as ${adopted.plan.task}, by ${candidates.source}`,
  };
  return {
    ...adopted,
    diagnostics: [...diagnostics, ...doubts, ...candidates.diagnostics, note, ...adopted.diagnostics],
  };
}

/** What a package keeps from call to call is nothing a single call could be compared by. */
function refuseStates({ states, inputs }: Interface): void {
  if (states.length === 0) return;
  fail("unsupported", "adopt.state", `keeps states between calls (${states.map((s) => s.name).join(", ")})`, {
    hint: `only packages that keep nothing can be compared; this one takes ${featureList(inputs)}`,
  });
}

/** The first task that every output of the package belongs to, else the first that fits at all. */
function firstFitting(
  candidates: readonly TaskId[],
  described: DescribedPackage,
  adoptTask: (task: TaskId) => Adopted,
): Adopted {
  const fitting: Adopted[] = [];
  const refusals: string[] = [];
  for (const task of candidates) {
    try {
      const adopted = adoptTask(task);
      if (adopted.notCompared.length === 0) return adopted;
      fitting.push(adopted);
    } catch (cause) {
      if (!(cause instanceof ConversionError)) throw cause;
      const isOfTask = cause.diagnostics[0]?.code === "task.unsupported";
      if (candidates.length === 1 && !isOfTask) throw cause;
      refusals.push(`${task}: ${cause.diagnostics[0]?.message}`);
    }
  }
  const { inputs, outputs } = described.interface;
  return (
    fitting[0] ??
    fail("validation", "adopt.task", `fits no task of the model (${refusals.join("; ")})`, {
      hint: `the package takes ${featureList(inputs)} and gives ${featureList(outputs)}; name its task with --feature`,
    })
  );
}

function adoptAs(
  task: TaskId,
  described: DescribedPackage,
  checkpoint: Checkpoint,
  options: Pick<PlanOptions, "architectures">,
  shapesOf: ShapesOf,
  stored: StoredPlan | undefined,
): Adopted {
  const { slots, usual, planned, base } = everyInput(task, described, checkpoint, options);
  const { features, positions, diagnostics } = matchInputs(slots, described.interface, usual, stored?.inputs);
  const { traits } = planned;
  const image = slots.find((s): s is PlannedImage => s.kind === "image");
  const pixels = image && features.get(image.key);
  let [inputs, lengths]: [readonly PlannedInput[], Plan["lengths"]] = [[], {}];
  const notes: Diagnostic[] = [...diagnostics];
  if (traits.kind === "text") {
    const adopted = adoptText(slots as readonly PlannedTensor[], features, traits);
    [inputs, lengths] = [adopted.inputs, adopted.lengths];
    notes.push(...adopted.diagnostics);
  } else if (image && pixels) {
    const [height, width] = imageSize(image, pixels);
    const sized = makePlan(checkpoint, { ...options, task, imageSize: [height, width] });
    inputs = adoptImage(sized.plans[0]?.inputs ?? [], features);
    if (pixels.flexibility.kind !== "fixed") {
      const message = `takes images of several sizes; only ${height} x ${width} is tried`;
      notes.push({ code: "adopt.size", severity: "warning", path: pixels.name, message });
    }
  }
  const shaped: Plan = { ...base, inputs, lengths };
  const outputs = adoptOutputs(
    described.interface,
    described.func,
    base,
    shapesOf(rawPlan(shaped), planned),
    stored?.outputs,
  );
  const precision = measuredPrecision(described.func);
  const referencePlan = withOutputs({ ...shaped, precision }, outputs);
  return {
    plan: { ...referencePlan, target: described.target },
    referencePlan,
    planned,
    normalised: inputs.filter((i): i is PlannedImage => i.kind === "image" && pixels?.kind === "tensor"),
    ...(positions === undefined ? {} : { positions }),
    notCompared: outputs.notCompared,
    diagnostics: [...planned.diagnostics.filter((d) => d.code !== "length.range"), ...notes, ...outputs.diagnostics],
  };
}

/** Every input the model can have for a task, those it has by default, and the plan they stand in. */
function everyInput(
  task: TaskId,
  { interface: { inputs, outputs } }: DescribedPackage,
  checkpoint: Checkpoint,
  options: Pick<PlanOptions, "architectures">,
): {
  readonly slots: readonly PlannedInput[];
  readonly usual: ReadonlySet<string>;
  readonly planned: Planned;
  readonly base: Plan;
} {
  const takesPast = inputs.some((f) => /^past/i.test(f.name));
  const givesPresent = outputs.some((f) => /^present/i.test(f.name));
  const choices = inputs.flatMap((f) => (f.kind === "tensor" && f.shape?.length === 3 ? [f.shape[1] ?? 0] : []))[0];
  const common = { ...options, task, usePast: takesPast || givesPresent, ...(choices ? { choices } : {}) };
  const plain = makePlan(checkpoint, common);
  const hasSegments = plain.traits.kind === "text" && (plain.traits.segments ?? 0) > 0;
  const planned = hasSegments ? makePlan(checkpoint, { ...common, tokenTypeIds: "on" }) : plain;
  const part: Plan["part"] = takesPast ? "decode" : givesPresent ? "prefill" : "model";
  const base = planned.plans.find((p) => p.part === part) ?? (planned.plans[0] as Plan);
  const usual = new Set(plain.plans.flatMap((p) => p.inputs.map((i) => i.key)));
  return { slots: base.inputs, usual, planned, base };
}

/** The plan whose outputs are the model's own, under their keys. */
function rawPlan(plan: Plan): Plan {
  const { classifier: _, labels: __, ...rest } = plan;
  return { ...rest, outputs: plan.outputs.map(({ key }) => ({ key, name: key, finish: "none" })) };
}

function withOutputs(plan: Plan, { outputs, classifier, labels }: AdoptedOutputs): Plan {
  const { classifier: _, ...rest } = plan;
  return { ...rest, outputs, ...(classifier ? { classifier } : {}), ...(labels ? { labels } : {}) };
}
