import { basename, join } from "node:path";
import { buildGraph } from "./assembly/graph.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { weightsSha256 } from "./checkpoint/hash.ts";
import type { Model } from "./coreml/package.ts";
import { writePackage } from "./coreml/write-package.ts";
import { type Diagnostic, fail } from "./diagnostics.ts";
import { environment } from "./environment.ts";
import { ops } from "./mil/ops/index.ts";
import { verify } from "./mil/verify.ts";
import { findSource, type ModelSource, type SourceOptions } from "./model-source.ts";
import type { ConversionSettings } from "./options.ts";
import { halfPrecision, type OnCast } from "./passes/half-precision.ts";
import type { Plan } from "./plan.ts";
import { makePlan, type Planned } from "./planning/make-plan.ts";
import type { Progress } from "./progress.ts";
import { makeReport, type Report, type ReportedPackage } from "./report/report.ts";
import { refuseExisting, Staging } from "./staging.ts";
import type { CastStatistics } from "./tensor/cast-statistics.ts";
import { onnxReferenceFiles } from "./validate/onnx/names.ts";
import type { Verdict } from "./validate/verdict.ts";
import { type Made, validatePlanned } from "./validate-planned.ts";

/** Everything the command line can say, and what only a program can. */
export interface ConvertOptions extends ConversionSettings, Pick<SourceOptions, "token" | "endpoint"> {
  /** The folder packages go to. */
  readonly output: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** A package that was written. */
export interface ConvertedPackage {
  readonly plan: Plan;
  /** Where it is; undefined when it failed and was not kept. */
  readonly path: string | undefined;
  readonly name: string;
  readonly verdict: Verdict;
}

export interface Conversion {
  readonly packages: readonly ConvertedPackage[];
  readonly report: Report;
  readonly diagnostics: readonly Diagnostic[];
}

/** How long the event loop may be kept from signals and progress, in milliseconds. */
const BREATH = 50;

/**
 * Converts a checkpoint, runs each package read back from disk, compares it, and only then puts it at its place.
 * @param model the folder of a checkpoint, or the id of a model on the Hub
 * @throws ConversionError for everything that stops before a package is whole; what `signal` was aborted with
 */
export async function convert(model: string, options: ConvertOptions): Promise<Conversion> {
  const started = performance.now();
  const source = await findSource(model, options);
  // First, so that what a killed run left is put right before anything is said about the output.
  using staging = new Staging(options.output);
  const expected = source.isRemote ? await rehearse(source, options) : [];
  const checkpoint = await source.open(options.reference === "onnx" ? expected.map(onnxReferenceFiles) : []);
  try {
    const planned = await withHash(makePlan(checkpoint, options), checkpoint, options);
    const names = namesOf(planned, options);
    const diagnostics = [...source.diagnostics, ...checkpoint.diagnostics, ...planned.diagnostics];
    const tried: ReportedPackage[] = [];
    for (const [i, plan] of planned.plans.entries()) {
      const made = await makePackage(plan, planned, checkpoint, staging, names[i] as string, options);
      diagnostics.push(...overflows(made));
      tried.push(await tryPackage(made, options));
    }
    const report = makeReport(tried, {
      diagnostics,
      environment: environment(),
      seconds: { all: (performance.now() - started) / 1000 },
    });
    const packages = tried.map((p) => place(p, staging, options));
    return { packages, report, diagnostics };
  } finally {
    checkpoint.close();
  }
}

/** Plans and builds from headers alone, so that no gigabyte is fetched for what cannot be converted. */
async function rehearse(source: ModelSource, options: ConvertOptions): Promise<readonly Plan[]> {
  const outline = await source.outline();
  try {
    const planned = makePlan(outline, options);
    namesOf(planned, options);
    for (const plan of planned.plans) buildGraph(plan, planned, outline);
    return planned.plans;
  } finally {
    outline.close();
  }
}

/** What the packages will be called. @throws ConversionError when one of them is there and may not be replaced */
function namesOf({ plans }: Planned, options: ConvertOptions): readonly string[] {
  const names = plans.map((plan) => fileName(plan, options));
  refuseExisting(
    names.map((n) => join(options.output, n)),
    options.overwrite ?? false,
  );
  return names;
}

async function withHash(planned: Planned, { weightFiles }: Checkpoint, options: ConvertOptions): Promise<Planned> {
  if (!options.hashWeights || planned.plans.every(({ model }) => model.weightsSha256)) return planned;
  const hash = await weightsSha256(weightFiles, options.signal);
  return { ...planned, plans: planned.plans.map((p) => ({ ...p, model: { ...p.model, weightsSha256: hash } })) };
}

function fileName({ part }: Plan, { name = "Model" }: ConvertOptions): string {
  if (name === "" || /[\\/]/.test(name)) fail("usage", "option.name", `'${name}' is no file name`, { path: "--name" });
  const prefix = part === "prefill" ? "prefill_" : "";
  return `${prefix}${name.endsWith(".mlpackage") ? name : `${name}.mlpackage`}`;
}

/** Builds the graph of a plan and writes it where it is not yet seen. */
async function makePackage(
  plan: Plan,
  planned: Planned,
  checkpoint: Checkpoint,
  staging: Staging,
  name: string,
  options: ConvertOptions,
): Promise<Made> {
  const float = buildGraph(plan, planned, checkpoint);
  const casts = new Map<string, CastStatistics>();
  const model = inPrecision(float, plan, (weight, statistics) => casts.set(weight, statistics));
  verify(model.program, ops);
  const path = staging.path(name);
  const breathe = breather(options);
  const size = await writePackage(path, model, ops, async (done, total) => {
    options.onProgress?.({ phase: "write", part: name, done, total, unit: "bytes" });
    await breathe();
  });
  return { path, size, plan, planned, checkpoint, float, staging, casts };
}

/** Weights that half precision cannot hold became infinite: no tolerance makes that right. */
const overflows = ({ casts }: Made): readonly Diagnostic[] =>
  [...casts].flatMap(([path, { overflowed, elements }]): readonly Diagnostic[] => {
    if (overflowed === 0) return [];
    const message = `${overflowed} of ${elements} values are beyond what half precision holds and became infinite`;
    return [{ code: "weight.overflow", severity: "warning", path, message, hint: "convert with --quantize float32" }];
  });

async function tryPackage(made: Made, options: ConvertOptions): Promise<ReportedPackage> {
  const { validation, halfRange } = await validatePlanned(made, options);
  const { path, size, plan, casts } = made;
  return { path, size, plan, validation, casts, halfRange };
}

/** The graph in the precision of the plan. */
function inPrecision(model: Model, plan: Plan, onCast: OnCast): Model {
  if (plan.precision === "float32") return model;
  const functions = [...model.program.functions].map(([name, f]) => [name, halfPrecision(f, ops, onCast)] as const);
  return { ...model, program: { ...model.program, functions: new Map(functions) } };
}

/** Lets signals and timers run now and then, and stops the work when it was cancelled. */
function breather({ signal }: ConvertOptions): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last > BREATH) {
      await new Promise(setImmediate);
      last = performance.now();
    }
    signal?.throwIfAborted();
  };
}

/** A package that failed goes away, so that it is not taken for a good one, unless it was asked for. */
function place(
  { path: from, plan, validation }: ReportedPackage,
  staging: Staging,
  options: ConvertOptions,
): ConvertedPackage {
  const { verdict } = validation;
  const name = basename(from);
  if (verdict.status === "failed" && !options.keepFailed) return { plan, name, path: undefined, verdict };
  const path = join(options.output, name);
  staging.place(from, path);
  return { plan, name, path, verdict };
}
