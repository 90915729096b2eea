import { fail } from "./diagnostics.ts";
import type { Interface } from "./mil/interface.ts";
import type { PredictionSettings } from "./options.ts";
import { execute } from "./run/execute.ts";
import { type HostTensor, type HostTensors, hostTensor } from "./run/host-tensor.ts";
import type { Prediction } from "./run/session.ts";
import { elementCount } from "./tensor/dtype.ts";

export interface PredictOptions extends PredictionSettings {
  /** Ends what is running, and the model with it. */
  readonly signal?: AbortSignal;
}

/**
 * An ML Program package that was read, lowered and loaded once and takes any number of calls, in a process of its own.
 * `close` ends the process; so does the end of the scope of `await using model = await openModel(path)`.
 */
export interface OpenModel extends AsyncDisposable {
  /** What it takes and gives. */
  readonly interface: Interface;
  /** A classifier's labels, in the order of its probabilities. */
  readonly labels?: readonly (string | number)[];
  /**
   * Calls it once. Calls made before others have ended run in the order in which they were made. States are kept from
   * call to call; a state given as `state.<name>` replaces the one kept.
   * @param inputs by the names of the package: tensors; images [1, channels, height, width] in RGB order, whole numbers
   *   0 to 255
   * @returns outputs by name, a classifier's probabilities as a vector in label order, states as `state.<name>`; and the
   *   label of a classifier
   * @throws ConversionError `input.*` listing all inputs that do not fit, after which it takes further calls; `run.*`
   */
  predict(inputs: HostTensors): Promise<Prediction>;
  /** Lets the next call begin with states of zeros, as the first one did. */
  resetStates(): void;
  close(): void;
}

/**
 * Opens any ML Program package for many calls.
 * @param path the package, or a specification alone (`.mlmodel`)
 * @throws ConversionError `package.*`, `op.*`, `run.*`; what `signal` was aborted with
 */
export async function openModel(path: string, options: PredictOptions = {}): Promise<OpenModel> {
  const { executor = "auto", mode = "rounded", ...rest } = options;
  if (executor === "coreml") {
    fail("usage", "executor.unavailable", "Core ML as executor is not available in this version", {
      path: "--executor",
    });
  }
  const execution = await execute(path, { ...rest, mode });
  const { interface: described, classes } = execution;
  let initial: HostTensors = {};
  return {
    interface: described,
    ...(classes ? { labels: classes } : {}),
    async predict(inputs) {
      const first = initial;
      initial = {};
      try {
        return await execution.run({ ...first, ...inputs });
      } catch (cause) {
        initial = { ...first, ...initial };
        throw cause;
      }
    },
    resetStates() {
      initial = zeroStates(described);
    },
    close: () => execution.close(),
    [Symbol.asyncDispose]: async () => execution.close(),
  };
}

/**
 * Opens any ML Program package, calls it once, and closes it; see `openModel`.
 * @throws ConversionError `input.*` for inputs that do not fit, `package.*`, `op.*`, `run.*`; what `signal` was aborted
 *   with
 */
export async function predict(path: string, inputs: HostTensors, options: PredictOptions = {}): Promise<Prediction> {
  await using model = await openModel(path, options);
  return await model.predict(inputs);
}

const zeroStates = ({ states }: Interface): HostTensors =>
  Object.fromEntries(
    states.map(({ name, shape }): [string, HostTensor] => [
      `state.${name}`,
      hostTensor("fp32", shape, new Float32Array(elementCount(shape))),
    ]),
  );
