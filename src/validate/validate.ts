import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import type { Plan } from "../plan.ts";
import { type ExecuteOptions, type Execution, execute } from "../run/execute.ts";
import type { HostTensors } from "../run/host-tensor.ts";
import type { Mode } from "../run/lower.ts";
import type { Prediction } from "../run/session.ts";
import { compareSet } from "./compare-set.ts";
import { digestOf, type InputSet, type InputSuite } from "./input-set.ts";
import type { ClassesComparison, PackageValidation, PrecisionSpread, SetResult } from "./package-validation.ts";
import { pooledStatistics } from "./pooled-statistics.ts";
import { precisionSpread, widestSpreads } from "./precision-spread.ts";
import type { Reference, UnavailableReference } from "./reference.ts";
import { type ExecutorName, notRun, type Verdict } from "./verdict.ts";

/** Opens a package to be run. */
export type Executor = (path: string, options: ExecuteOptions) => Promise<Execution>;

/** What is being done, before it is done. */
export interface ValidationStep {
  readonly doing: "reference" | Mode;
  readonly set: string;
  /** Steps done, of all. */
  readonly done: number;
  readonly total: number;
}

export interface ValidationRequest {
  /** The package, as it lies on disk. */
  readonly path: string;
  readonly plan: Plan;
  /** A function of the package; its default otherwise. */
  readonly function?: string;
  readonly reference: Reference | UnavailableReference;
  readonly suite: InputSuite;
  /** Default `onnxruntime`. */
  readonly executor?: ExecutorName;
  /** How each executor is had. Default: ONNX Runtime in a child process, no Core ML. */
  readonly executors?: Partial<Readonly<Record<ExecutorName, Executor>>>;
  /** Default: `rounded`, and for float16 `wide` too. The first one gives the verdict. */
  readonly modes?: readonly [Mode, ...Mode[]];
  /** Replaces the default gate. */
  readonly atol?: number;
  /** Seconds that opening, or one call, may take. */
  readonly timeLimit?: number;
  readonly signal?: AbortSignal;
  onProgress?(step: ValidationStep): void;
}

/**
 * Runs a package, read back from disk, on every input set and compares it with the reference. What goes wrong with the
 * package is a verdict, not an exception; so is a reference, an executor or an input that cannot be had.
 * @throws what `signal` was aborted with
 */
export async function validatePackage(request: ValidationRequest): Promise<PackageValidation> {
  const started = performance.now();
  const validation = new Validation(request);
  const verdict = await validation.run();
  return validation.report(verdict, (performance.now() - started) / 1000);
}

class Validation {
  private readonly request: ValidationRequest;
  private readonly sets: readonly InputSet[];
  private readonly modes: readonly [Mode, ...Mode[]];
  private readonly executorName: ExecutorName;
  private readonly results: SetResult[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  private spreads: PrecisionSpread[] = [];
  private classes: ClassesComparison | null = null;
  private peakMemory = 0;
  private runs = 0;
  private steps = 0;

  constructor(request: ValidationRequest) {
    this.request = request;
    const { reference, suite, plan } = request;
    this.sets = ("outputs" in reference ? reference.sets : undefined) ?? suite.sets;
    this.modes = request.modes ?? (plan.precision === "float16" ? ["rounded", "wide"] : ["rounded"]);
    this.executorName = request.executor ?? "onnxruntime";
  }

  async run(): Promise<Verdict> {
    const { reference, executors = { onnxruntime: execute } } = this.request;
    const executor = executors[this.executorName];
    if (!executor) return notRun(`${executorTitle[this.executorName]} is not available on ${process.platform}`);
    if (!("outputs" in reference)) return notRun(reference.reason);
    if (this.sets.length === 0) return notRun("there are no inputs");
    const expected = await this.answers(reference);
    if (!Array.isArray(expected)) return expected;
    return this.execute(executor, expected);
  }

  /** What the reference gives for each set; a verdict when it cannot say. */
  private async answers(reference: Reference): Promise<HostTensors[] | Verdict> {
    try {
      return await this.ofEachSet("reference", (set) => reference.outputs(set));
    } catch (cause) {
      return notRun(`the reference '${reference.name}' gives no outputs (${this.note(cause)})`);
    }
  }

  private async execute(executor: Executor, expected: readonly HostTensors[]): Promise<Verdict> {
    const [first, ...others] = this.modes;
    const { reference, plan, atol } = this.request;
    const notGiven = ("outputs" in reference ? reference.notGiven : undefined) ?? [];
    try {
      const predictions = await this.predictions(executor, first);
      const pooled = pooledStatistics(expected);
      predictions.forEach((prediction, i) => {
        const set = this.sets[i] as InputSet;
        this.results.push(compareSet(plan, set, prediction, expected[i] as HostTensors, atol, notGiven, pooled));
      });
      for (const mode of others) {
        const again = await this.predictions(executor, mode);
        this.spreads = this.sets.flatMap((set, i) =>
          precisionSpread(set, predictions[i]?.outputs ?? {}, again[i]?.outputs ?? {}),
        );
      }
    } catch (cause) {
      const why = this.note(cause);
      const misfit = cause instanceof ConversionError && cause.diagnostics.every((d) => d.code.startsWith("input."));
      if (misfit && "sets" in reference)
        return notRun(`the inputs of '${reference.name}' do not fit the package (${why})`);
      return this.failed(why);
    }
    const failed = this.results.filter((r) => !r.passed).map((r) => r.name);
    if (failed.length > 0)
      return this.failed(`${failed.length} of ${this.sets.length} input sets (${failed.join(", ")})`);
    if (this.classes?.passed === false) return this.failed("the labels are not those of the plan");
    return { status: "passed", executor: this.executorName, ...(notGiven.length > 0 ? { notCompared: notGiven } : {}) };
  }

  /** All sets through one process; it is closed before another opens, so that two models never share the memory. */
  private async predictions(executor: Executor, mode: Mode): Promise<Prediction[]> {
    const { path, function: name, timeLimit, signal } = this.request;
    await using execution = await executor(path, {
      mode,
      ...(name === undefined ? {} : { function: name }),
      ...(timeLimit === undefined ? {} : { timeLimit }),
      ...(signal ? { signal } : {}),
    });
    this.classes = compareClasses(this.request.plan, execution);
    if (mode === this.modes[0]) this.diagnostics.push(...blocksNote(execution.blocks));
    return await this.ofEachSet(mode, async (set) => {
      const prediction = await execution.run(set.inputs);
      this.runs++;
      this.peakMemory = Math.max(this.peakMemory, execution.peakMemory);
      return prediction;
    });
  }

  /** Asked for at once, so that a model which runs in blocks opens each of them once for all sets. */
  private async ofEachSet<T>(doing: ValidationStep["doing"], answer: (set: InputSet) => Promise<T>): Promise<T[]> {
    const asked = this.sets.map(answer);
    // The first that fails is the one that is reported.
    for (const a of asked) a.catch(() => undefined);
    const answers: T[] = [];
    for (const [i, a] of asked.entries()) {
      this.step(doing, this.sets[i] as InputSet);
      answers.push(await a);
    }
    return answers;
  }

  private step(doing: ValidationStep["doing"], { name }: InputSet): void {
    this.request.signal?.throwIfAborted();
    const total = this.sets.length * (1 + this.modes.length);
    this.request.onProgress?.({ doing, set: name, done: this.steps++, total });
  }

  private failed(reason: string): Verdict {
    return { status: "failed", executor: this.executorName, reason };
  }

  /** Keeps the diagnostics of an error and says it in a few words. Anything that is no such error is thrown on. */
  private note(cause: unknown): string {
    this.request.signal?.throwIfAborted();
    if (!(cause instanceof ConversionError)) throw cause;
    this.diagnostics.push(...cause.diagnostics);
    const [first] = cause.diagnostics;
    return first ? first.message : cause.message;
  }

  report(verdict: Verdict, seconds: number): PackageValidation {
    const { reference, suite } = this.request;
    const brought = "outputs" in reference && reference.sets !== undefined;
    return {
      verdict,
      reference: { kind: reference.kind, name: reference.name },
      inputs: { seed: brought ? null : (suite.seed ?? null), sha256: digestOf(this.sets) },
      classes: this.classes,
      sets: this.results,
      precisionSpread: widestSpreads(this.spreads),
      diagnostics: [...(brought ? [] : suite.diagnostics), ...this.diagnostics],
      measured: { runs: this.runs, peakMemory: this.peakMemory, seconds },
    };
  }
}

const executorTitle: Readonly<Record<ExecutorName, string>> = { onnxruntime: "ONNX Runtime", coreml: "Core ML" };

const blocksNote = (blocks: number): Diagnostic[] =>
  blocks === 1
    ? []
    : [
        {
          code: "run.blocks",
          severity: "note",
          message: `ran in ${blocks} blocks, the weights of one in memory at a time`,
        },
      ];

function compareClasses({ classifier, labels = [] }: Plan, { classes = [] }: Execution): ClassesComparison | null {
  if (!classifier) return null;
  const passed = classes.length === labels.length && labels.every((l, i) => l === String(classes[i]));
  return { passed, actual: classes.length, expected: labels.length };
}
