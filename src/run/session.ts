import { InferenceSession, Tensor } from "onnxruntime-node";
import { readPackage } from "../coreml/read-package.ts";
import { fail } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import { ops } from "../mil/ops/index.ts";
import { feedsOf } from "./feeds.ts";
import type { HostTensor, HostTensors } from "./host-tensor.ts";
import { type Lowered, lower, type Mode } from "./lower.ts";

export interface SessionOptions {
  readonly function?: string;
  readonly mode: Mode;
  /** Names of inner values to return with the outputs. */
  readonly watch?: readonly string[];
}

/** The result of one call. */
export interface Prediction {
  /** By output name; a classifier's probabilities as one vector in label order; states as `state.<name>`. */
  readonly outputs: Record<string, HostTensor>;
  /** The label of the largest probability, for a classifier. */
  readonly label?: string | number;
}

/** A package read back from disk, as a session that can be called again and again. States are kept between calls. */
export interface Session {
  readonly interface: Interface;
  readonly classes?: readonly (string | number)[];
  readonly roundings: number;
  run(inputs: HostTensors): Promise<Prediction>;
}

/** @throws ConversionError when the package cannot be read, lowered or loaded */
export async function openSession(path: string, options: SessionOptions): Promise<Session> {
  const { lowered, described } = lowerPackage(path, options);
  return startSession(lowered, described, path);
}

/**
 * Loads a lowered graph.
 * @param path what an error names
 * @throws ConversionError `run.load`
 */
export async function startSession(lowered: Lowered, described: Interface, path: string): Promise<Session> {
  const { folder } = lowered;
  const weights = folder === undefined ? {} : { model_external_initializers_file_folder_path: folder };
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(lowered.onnx, {
      logSeverityLevel: 3,
      // Packed copies of the weights would double the memory of a run.
      extra: { session: { ...weights, disable_prepacking: "1" } },
    });
  } catch (cause) {
    const message = `ONNX Runtime refused the lowered graph: ${(cause as Error).message}`;
    return fail("internal", "run.load", message, { path });
  }
  let states: Record<string, HostTensor> = {};
  return {
    interface: described,
    roundings: lowered.roundings,
    ...(lowered.classifier ? { classes: lowered.classifier.classes } : {}),
    async run(inputs) {
      const feeds = feedsOf(described, { ...states, ...inputs });
      const results = await session.run(
        Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, onnxTensor(t)])),
      );
      const outputs = Object.fromEntries(Object.entries(results).map(([name, t]) => [name, fromOnnx(t)]));
      states = {};
      for (const { name, next } of lowered.states) {
        states[`state.${name}`] = outputs[next] as HostTensor;
        delete outputs[next];
      }
      const { classifier } = lowered;
      const scores = classifier && outputs[classifier.probabilities];
      if (classifier && scores)
        outputs[classifier.probabilities] = { ...scores, shape: [scores.data.length] } as HostTensor;
      return { outputs: { ...outputs, ...states }, ...labelled(outputs, lowered) };
    },
  };
}

function lowerPackage(
  path: string,
  options: SessionOptions,
): { readonly lowered: Lowered; readonly described: Interface } {
  using model = readPackage(path, ops);
  const name = options.function ?? model.defaultFunction;
  const func = model.program.functions.get(name);
  const described = model.interfaces.get(name);
  if (!func || !described) {
    const hint = `it has ${[...model.program.functions.keys()].join(", ")}`;
    return fail("usage", "run.function", `has no function '${name}'`, { path, hint });
  }
  return { lowered: lower(func, described, ops, options), described };
}

const onnxTensor = (t: HostTensor): Tensor =>
  t.dtype === "fp32" ? new Tensor("float32", t.data, t.shape) : new Tensor("int32", t.data, t.shape);

function fromOnnx(t: Tensor): HostTensor {
  const shape = [...t.dims];
  if (t.type === "float32") return { dtype: "fp32", shape, data: t.data as Float32Array };
  if (t.type === "int32") return { dtype: "int32", shape, data: t.data as Int32Array };
  return { dtype: "int32", shape, data: Int32Array.from(t.data as Uint8Array) };
}

function labelled(outputs: Readonly<Record<string, HostTensor>>, { classifier }: Lowered): { label?: string | number } {
  const scores = classifier && outputs[classifier.probabilities]?.data;
  if (!scores) return {};
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  const label = classifier.classes[best];
  return label === undefined ? {} : { label };
}
