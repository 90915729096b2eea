import type { Diagnostic } from "./diagnostics.ts";
import type { Interface } from "./mil/interface.ts";
import type { Func } from "./mil/program.ts";
import type { ConversionSettings } from "./options.ts";
import { type Execution, executeGraph, type Limits } from "./run/execute.ts";
import type { Spill } from "./run/spill.ts";
import { goldenReference } from "./validate/golden.ts";
import type { InputSuite } from "./validate/input-set.ts";
import { type OnnxRequest, onnxReference } from "./validate/onnx/reference.ts";
import { checkpointReference, type Reference, type UnavailableReference } from "./validate/reference.ts";
import type { Made } from "./validate-planned.ts";

/** What a package is compared with, and on which calls. */
export interface Chosen {
  readonly reference: Reference | UnavailableReference;
  readonly suite: InputSuite;
}

export interface ReferenceResources extends Pick<OnnxRequest, "suite" | "paddingId"> {
  readonly limits: Limits;
  /** Where weights of our own graph go that lie in no file. */
  readonly spill: Spill;
  /** Takes processes that are in use until the package was compared. */
  readonly open: Execution[];
}

/**
 * The reference asked for; by default the repository's own ONNX file where one fits, else our float32 graph. One that
 * cannot be had is a verdict, not an exception.
 * @throws ConversionError for a file of the user's that cannot be read; what `signal` was aborted with
 */
export async function chooseReference(
  made: Made,
  { reference = "auto", validate }: Pick<ConversionSettings, "reference" | "validate">,
  resources: ReferenceResources,
): Promise<Chosen> {
  const { plan, checkpoint } = made;
  const suite = resources.suite(plan);
  const unavailable = (kind: Reference["kind"], reason: string): UnavailableReference => ({
    kind,
    name: checkpoint.name,
    reason,
  });
  if (validate === false) return { reference: unavailable("checkpoint", "validation was switched off"), suite };
  if (reference === "checkpoint") return { reference: floatReference(made, resources), suite };
  if (reference !== "auto" && reference !== "onnx") return { reference: goldenReference(reference, plan), suite };

  const sought = await onnxReference(onnxRequest(made, resources, reference === "onnx"));
  if ("suite" in sought) return sought;
  const { reason, diagnostics } = sought;
  const noting = (more: readonly Diagnostic[]): InputSuite => ({
    ...suite,
    diagnostics: [...suite.diagnostics, ...more],
  });
  if (reference === "onnx") return { reference: unavailable("onnx", reason), suite: noting(diagnostics) };
  const notes = diagnostics.map(
    (d): Diagnostic => ({ ...d, severity: "note", message: `was not taken as the reference: ${d.message}` }),
  );
  return { reference: floatReference(made, resources), suite: noting(notes) };
}

function onnxRequest(
  { checkpoint, plan, planned: { traits }, float }: Made,
  { suite, paddingId, limits }: ReferenceResources,
  acceptsNarrow: boolean,
): OnnxRequest {
  return {
    checkpoint,
    plan,
    func: mainOf(float)[0],
    ...(traits.kind === "text" && traits.cache ? { cache: traits.cache } : {}),
    ...(paddingId === undefined ? {} : { paddingId }),
    suite,
    limits,
    acceptsNarrow,
  };
}

const mainOf = ({ program, interfaces }: Made["float"]): readonly [Func, Interface] =>
  [[...program.functions.values()][0], [...interfaces.values()][0]] as [Func, Interface];

/** Our float32 graph over the checkpoint's bytes. */
function floatReference({ float, checkpoint }: Made, { limits, spill, open }: ReferenceResources): Reference {
  const [func, described] = mainOf(float);
  let opening: Promise<Execution> | undefined;
  const opened = async (): Promise<Execution> => {
    const execution = await executeGraph("the checkpoint", func, described, { mode: "wide", spill, ...limits });
    open.push(execution);
    return execution;
  };
  return checkpointReference(checkpoint.name, async (inputs) => {
    // Opened when the first call needs it: with nothing to compare no process is started.
    opening ??= opened();
    return (await (await opening).run(inputs)).outputs;
  });
}
