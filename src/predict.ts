import { ConversionError, type Diagnostic, fail } from "./diagnostics.ts";
import type { Feature, Interface } from "./mil/interface.ts";
import type { PredictionSettings } from "./options.ts";
import { execute } from "./run/execute.ts";
import type { HostTensor, HostTensors } from "./run/host-tensor.ts";
import type { Prediction } from "./run/session.ts";

export interface PredictOptions extends PredictionSettings {
  readonly signal?: AbortSignal;
}

/** The largest value of a pixel. */
const MAX_PIXEL = 255;

/**
 * Runs any ML Program package once, in a process of its own.
 * @param path the package
 * @param inputs by the names of the package: tensors; images [1, channels, height, width] in RGB order, whole numbers 0
 *   to 255; states, where they are not zero, as `state.<name>`
 * @returns outputs by name, a classifier's probabilities as a vector in label order, states as `state.<name>`; and the
 *   label of a classifier
 * @throws ConversionError `input.*` for inputs that do not fit, `package.*`, `run.*`; what `signal` was aborted with
 */
export async function predict(path: string, inputs: HostTensors, options: PredictOptions = {}): Promise<Prediction> {
  const { executor = "auto", mode = "rounded", ...rest } = options;
  if (executor === "coreml") {
    fail("usage", "executor.unavailable", "Core ML as executor is not available in this version", {
      path: "--executor",
    });
  }
  await using execution = await execute(path, { ...rest, mode });
  refuseMisfits(execution.interface, inputs);
  return await execution.run(inputs);
}

/** Refuses numbers that would silently become others: fractions for integers, and what no pixel can be. */
function refuseMisfits(described: Interface, inputs: HostTensors): void {
  const problems = described.inputs.flatMap((feature): Diagnostic[] => {
    const given = inputs[feature.name];
    const message = given && misfitOf(feature, given);
    return message ? [{ code: "input.values", severity: "error", path: feature.name, message }] : [];
  });
  if (problems.length > 0) throw new ConversionError("usage", problems);
}

function misfitOf(feature: Feature, { dtype, data }: HostTensor): string | undefined {
  if (feature.kind === "tensor" && (feature.dtype === "int32" || feature.dtype === "int8") && dtype !== "int32") {
    return `is a tensor of floats, expected ${feature.dtype}`;
  }
  if (feature.kind !== "image" || feature.colorSpace === "GRAYSCALE_FLOAT16") return undefined;
  const at = data.findIndex((x: number) => !Number.isInteger(x) || x < 0 || x > MAX_PIXEL);
  return at === -1 ? undefined : `holds ${data[at]} at ${at}, expected whole numbers from 0 to ${MAX_PIXEL}`;
}
