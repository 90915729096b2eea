import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { ConversionError, type Diagnostic } from "../../diagnostics.ts";
import type { Func } from "../../mil/program.ts";
import type { Plan } from "../../plan.ts";
import type { Limits } from "../../run/execute.ts";
import type { HostTensors } from "../../run/host-tensor.ts";
import { executeOnnxFile, type OnnxFileExecution } from "../../run/onnx-file/execute.ts";
import type { OnnxFileLocation, OnnxSignature } from "../../run/onnx-file/onnx-file.ts";
import type { InputSet, InputSuite } from "../input-set.ts";
import { inputOf } from "../lengths.ts";
import type { Reference } from "../reference.ts";
import { featureText, listed } from "./features.ts";
import { type OnnxInputContext, onnxInputs } from "./inputs.ts";
import { onnxModelNames } from "./names.ts";
import { onnxOutputs } from "./outputs.ts";

/** What a repository's own ONNX file is sought for. */
export interface OnnxRequest extends OnnxInputContext {
  readonly checkpoint: Pick<Checkpoint, "folder" | "file">;
  readonly plan: Plan;
  /** The graph of the plan, for the shapes of its outputs. */
  readonly func: Func;
  /** The calls for a plan: this one, or it with the only length a file takes. */
  suite(plan: Plan): InputSuite;
  readonly limits: Limits;
  /** Takes a file whose weights are stored in fewer than 32 bits, too. */
  readonly acceptsNarrow: boolean;
}

/** A file that fits, and the calls that it takes. */
export interface OnnxFound {
  readonly reference: Reference;
  readonly suite: InputSuite;
}

/** Why there is none; `diagnostics` has an entry for each file that is there. */
export interface OnnxNotFound {
  readonly reason: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Opens a file to be run. */
export type OnnxExecutor = (file: OnnxFileLocation, limits: Limits) => Promise<OnnxFileExecution>;

/**
 * The repository's own ONNX file as a reference. PyTorch made it, so agreement is evidence that this program had no part
 * in, but for the normalisation of pixels, which the file leaves to whoever calls it. The first file that fits the plan is
 * taken, one that gives all outputs before one that does not. Every call is put to it at once, so that it is gone from
 * memory when the package runs.
 * @throws what `signal` was aborted with
 */
export async function onnxReference(
  request: OnnxRequest,
  execute: OnnxExecutor = executeOnnxFile,
): Promise<OnnxFound | OnnxNotFound> {
  const names = onnxModelNames(request.plan);
  const diagnostics: Diagnostic[] = [];
  let partial: OnnxFound | undefined;
  for (const name of names) {
    try {
      if (request.checkpoint.file(name) === undefined) continue;
      const found = await answersOf(name, request, execute);
      if (found.reference.notGiven === undefined) return found;
      partial ??= found;
    } catch (cause) {
      request.limits.signal?.throwIfAborted();
      if (!(cause instanceof ConversionError)) throw cause;
      diagnostics.push(...cause.diagnostics.map((d) => ({ ...d, path: name })));
    }
  }
  if (partial) return partial;
  const [first] = diagnostics;
  const reason = first
    ? `${first.path}: ${first.message}`
    : `there is no ONNX file in the checkpoint's folder (sought ${names.join(", ")})`;
  return { reason, diagnostics };
}

/** @throws ConversionError `reference.onnx.*`, `run.*` */
async function answersOf(name: string, request: OnnxRequest, execute: OnnxExecutor): Promise<OnnxFound> {
  const { checkpoint, plan, func, limits } = request;
  const file = await execute({ folder: checkpoint.folder, name }, limits);
  try {
    const { signature } = file;
    const diagnostics = precisionOf(signature, request, name);
    const inputs = onnxInputs(plan, signature, request);
    if ("misfit" in inputs) throw unfit(inputs.misfit);
    const outputs = onnxOutputs(plan, func, signature);
    if ("misfit" in outputs) throw unfit(outputs.misfit);
    const length = onlyLength(plan, signature);
    const suite = request.suite(length ? { ...plan, lengths: length.lengths } : plan);
    if (length) diagnostics.push(warning(name, "length", `takes ${length.input}: no other length is compared`));

    const answers = new Map<string, HostTensors>();
    const skipped = new Map<string, string[]>();
    for (const set of suite.sets) {
      const call = inputs.of(set.inputs);
      const answer = "misfit" in call ? call.misfit : await ask(file, call.feeds);
      if (typeof answer === "string") skipped.set(answer, [...(skipped.get(answer) ?? []), set.name]);
      else answers.set(set.name, outputs.of(answer));
    }
    if (answers.size === 0)
      throw unfit(`it takes none of the ${suite.sets.length} input sets: ${[...skipped.keys()].join("; ")}`);
    for (const [reason, sets] of skipped)
      diagnostics.push(warning(name, "skipped", `${countText(sets.length)} not compared (${listed(sets)}): ${reason}`));
    return {
      reference: {
        kind: "onnx",
        name,
        ...(outputs.notGiven.length > 0 ? { notGiven: outputs.notGiven } : {}),
        outputs: async (set: InputSet) => answers.get(set.name) as HostTensors,
      },
      suite: {
        ...suite,
        sets: suite.sets.filter((set) => answers.has(set.name)),
        diagnostics: [...suite.diagnostics, ...diagnostics],
      },
    };
  } finally {
    file.close();
  }
}

/** What the file gives for a call; why it cannot run it, in words, when ONNX Runtime says so. */
async function ask(file: OnnxFileExecution, feeds: HostTensors): Promise<HostTensors | string> {
  try {
    return await file.run(feeds);
  } catch (cause) {
    const [problem] = cause instanceof ConversionError ? cause.diagnostics : [];
    if (problem?.code !== "reference.onnx.run") throw cause;
    return problem.message;
  }
}

const countText = (sets: number): string => (sets === 1 ? "1 input set is" : `${sets} input sets are`);

const unfit = (message: string): ConversionError =>
  new ConversionError("validation", [{ code: "reference.onnx.unfit", severity: "error", message }]);

const warning = (path: string, code: string, message: string): Diagnostic => ({
  code: `reference.onnx.${code}`,
  severity: "warning",
  path,
  message,
});

/** @throws ConversionError where weights of fewer bits are not accepted */
function precisionOf({ narrowTypes }: OnnxSignature, { acceptsNarrow }: OnnxRequest, name: string): Diagnostic[] {
  if (narrowTypes.length === 0) return [];
  const what = `stores weights as ${narrowTypes.join(", ")}`;
  if (!acceptsNarrow) throw unfit(`${what}, which is no reference for float32`);
  return [warning(name, "precision", `${what}: what differs may be its own rounding`)];
}

/** The plan's lengths with that of the tokens fixed, where the file takes one length only and the plan more. */
function onlyLength(
  plan: Plan,
  { inputs }: OnnxSignature,
): { readonly lengths: Plan["lengths"]; readonly input: string } | undefined {
  const feature = inputs.find((f) => f.name === "input_ids");
  const only = feature?.shape.at(-1);
  const [named] = [inputOf(plan, "ids")?.shape.at(-1)].flat();
  const planned = typeof named === "string" ? plan.lengths[named] : undefined;
  if (!feature || typeof only !== "number" || typeof named !== "string" || !planned) return undefined;
  const allowed = planned.values ? planned.values.includes(only) : only >= planned.min && only <= planned.max;
  if (!allowed || planned.min === planned.max) return undefined;
  const lengths = { ...plan.lengths, [named]: { min: only, max: only, default: only } };
  return { lengths, input: featureText(feature) };
}
