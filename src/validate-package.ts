import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { AnyArchitecture } from "./architectures/architecture.ts";
import { buildGraph } from "./assembly/graph.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import type { Conversion } from "./convert.ts";
import { packageSize } from "./coreml/package-size.ts";
import { type OpenPackage, readPackage } from "./coreml/read-package.ts";
import { type Diagnostic, fail } from "./diagnostics.ts";
import { environment } from "./environment.ts";
import type { Dim } from "./mil/dim.ts";
import type { Interface } from "./mil/interface.ts";
import { ops } from "./mil/ops/index.ts";
import type { Func } from "./mil/program.ts";
import { findSource, type SourceOptions } from "./model-source.ts";
import type { ValidationSettings } from "./options.ts";
import type { Plan } from "./plan.ts";
import { type Adopted, adopt } from "./planning/adopt/adopt.ts";
import type { Planned } from "./planning/make-plan.ts";
import type { Progress } from "./progress.ts";
import { makeReport, type Report, type ReportedPackage } from "./report/report.ts";
import { execute } from "./run/execute.ts";
import { type Adaptation, adaptedExecutor } from "./validate/adapted-executor.ts";
import { onnxReferenceFiles } from "./validate/onnx/names.ts";
import type { Verdict } from "./validate/verdict.ts";
import { judgeEpsilons } from "./validate/weights/judge-epsilons.ts";
import { judgeWeights, type WeightJudgement } from "./validate/weights/judge-weights.ts";
import { type Made, validatePlanned } from "./validate-planned.ts";

export interface ValidateOptions extends ValidationSettings, Pick<SourceOptions, "token" | "endpoint"> {
  /** The checkpoint the package was made from: a folder, or the id of a model on the Hub. */
  readonly model: string;
  /** Architectures beside our own; of two for one model type the given one counts. */
  readonly architectures?: readonly AnyArchitecture[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Fetched before it is known what the package is for: the task with the most names. */
const anyOnnxFile = onnxReferenceFiles({ task: "text-generation", part: "model" });

/**
 * Compares packages that are there already, of whatever origin, with the checkpoint they were made from. What a package
 * computes wrongly is a verdict; a package whose inputs and outputs cannot be matched with the model's is refused.
 * @param subject the path of a package, or a conversion: each package of it that was kept
 * @throws ConversionError `adopt.*` when nothing can be compared, `package.*`, `checkpoint.*`, `hub.*`; what `signal` was
 *   aborted with
 */
export async function validate(subject: string | Conversion, options: ValidateOptions): Promise<Report> {
  const started = performance.now();
  const paths = pathsOf(subject);
  const source = await findSource(options.model, options);
  const checkpoint = await source.open(options.reference === "onnx" ? [anyOnnxFile] : []);
  const folder = mkdtempSync(join(tmpdir(), `coreml-export-validate-${process.pid}-`));
  try {
    const diagnostics = [...source.diagnostics, ...checkpoint.diagnostics];
    const tried: ReportedPackage[] = [];
    for (const path of paths) {
      const found = await validateOne(path, checkpoint, folder, options);
      tried.push(found.reported);
      diagnostics.push(...found.diagnostics);
    }
    const seconds = { all: (performance.now() - started) / 1000 };
    return makeReport(tried, { diagnostics, environment: environment(), seconds });
  } finally {
    checkpoint.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function pathsOf(subject: string | Conversion): readonly string[] {
  if (typeof subject === "string") return [subject];
  const kept = subject.packages.flatMap((p) => p.path ?? []);
  return kept.length > 0 ? kept : fail("usage", "validate.package", "the conversion kept no package");
}

async function validateOne(
  path: string,
  checkpoint: Checkpoint,
  folder: string,
  options: ValidateOptions,
): Promise<{ readonly reported: ReportedPackage; readonly diagnostics: readonly Diagnostic[] }> {
  using model = readPackage(path, ops);
  const [func, described] = functionOf(model);
  const metadata = model.metadata.userDefined;
  const adopted = adopt(
    { interface: described, func, target: model.target, metadata },
    checkpoint,
    options,
    shapesIn(checkpoint),
  );
  const others = [...model.program.functions.keys()].filter((name) => name !== model.defaultFunction);
  const notCompared = [...adopted.notCompared, ...others.map((name) => `function ${name}`)];
  const weights = judgeWeights(func, ops, checkpoint.tensors);
  const plan = planFor(adopted.plan, weights);
  const isReplaced = weights.tensors !== undefined && (options.reference ?? "auto") === "auto";
  const float = referenceGraph(adopted, checkpoint, isReplaced ? weights : undefined);
  const [reference] = float.program.functions.values();
  const epsilons = reference && judgeEpsilons(func, reference);
  const made: Made = {
    path,
    size: packageSize(path),
    plan,
    planned: adopted.planned,
    checkpoint,
    float,
    staging: { path: (name) => join(folder, basename(name)) },
    executor: adaptedExecutor(execute, adaptationOf(adopted)),
    casts: new Map(),
  };
  const { validation, halfRange } = await validatePlanned(made, {
    ...options,
    ...(isReplaced ? { reference: "checkpoint" } : {}),
  });
  const verdict = judged(validation.verdict, [weights.failure, epsilons, wrongLabels(metadata, plan)], notCompared);
  const notes = [...adopted.diagnostics, ...weights.diagnostics, gateNote(plan, weights, isReplaced, options.atol)];
  return {
    reported: { path, plan, size: made.size, validation: { ...validation, verdict }, halfRange },
    diagnostics: notes,
  };
}

function adaptationOf({ plan, normalised, positions, notCompared }: Adopted): Adaptation {
  const ids = plan.inputs.find((i) => i.kind === "tensor" && i.role === "ids");
  return {
    normalised,
    ...(ids && positions !== undefined ? { positions: { name: positions, ids: ids.name } } : {}),
    ignored: notCompared,
  };
}

/** The function a caller gets who names none. */
function functionOf({ program, interfaces, defaultFunction, path }: OpenPackage): readonly [Func, Interface] {
  const [func, described] = [program.functions.get(defaultFunction), interfaces.get(defaultFunction)];
  return func && described
    ? [func, described]
    : fail("unreadable", "package.function", `has no function '${defaultFunction}'`, { path });
}

/** The model's graph in float32: over the checkpoint's own weights, or over those that a package decodes to. */
function referenceGraph(
  { referencePlan, planned }: Adopted,
  checkpoint: Checkpoint,
  weights: WeightJudgement | undefined,
): Made["float"] {
  return buildGraph(
    referencePlan,
    planned,
    weights?.tensors ? { ...checkpoint, tensors: weights.tensors } : checkpoint,
  );
}

/** Shapes of the model's raw outputs. Reads no weight. */
const shapesIn =
  (checkpoint: Checkpoint) =>
  (plan: Plan, planned: Planned): ReadonlyMap<string, readonly Dim[]> => {
    const { program } = buildGraph(plan, planned, checkpoint);
    const outputs = [...program.functions.values()].flatMap((f) => f.body.outputs);
    return new Map(outputs.flatMap(({ name, type }) => (type.kind === "tensor" ? [[name, type.shape] as const] : [])));
  };

/** Labels that metadata gives to a model that is no classifier, against the model's; why they are wrong, if they are. */
function wrongLabels(metadata: ReadonlyMap<string, string>, { classifier, labels }: Plan): string | undefined {
  const written = metadata.get("classes");
  if (classifier || !labels || written === undefined || written === labels.join(",")) return undefined;
  return `the classes in the metadata (${written}) are not those of the model (${labels.join(",")})`;
}

/** The verdict on outputs, with what else is known of the package. */
function judged(verdict: Verdict, failures: readonly (string | undefined)[], notCompared: readonly string[]): Verdict {
  if (verdict.status !== "passed") return verdict;
  const reason = failures.find((f) => f !== undefined);
  if (reason !== undefined) return { status: "failed", executor: verdict.executor, reason };
  const all = [...(verdict.notCompared ?? []), ...notCompared];
  return { ...verdict, ...(all.length > 0 ? { notCompared: all } : {}) };
}

/** Compressed weights whose error nobody knows leave no more than half precision to hold outputs against. */
const planFor = (plan: Plan, { isWhole }: WeightJudgement): Plan =>
  isWhole ? plan : { ...plan, precision: "float16" };

/** Which gate the outputs are held against, and why. */
function gateNote(
  { precision }: Plan,
  { tensors, isWhole }: WeightJudgement,
  isReplaced: boolean,
  atol: number | undefined,
): Diagnostic {
  const gate = atol === undefined ? `the gate of ${precision}` : `atol ${atol}, as asked`;
  const rounding =
    precision === "float16" ? "the package computes in half precision" : "it holds no half-precision value";
  const why = isWhole ? rounding : "not every compressed weight was found in the checkpoint";
  const compressed = isReplaced
    ? "; compressed weights are compared by themselves, outputs with our graph over the weights they decode to"
    : tensors
      ? "; what compressing the weights cost counts as an error"
      : "";
  return { code: "validate.gate", severity: "note", message: `${gate}: ${why}${compressed}` };
}
