import { Tensor } from "onnxruntime-node";
import { readPackage } from "../coreml/read-package.ts";
import { fail } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import { ops } from "../mil/ops/index.ts";
import { openBlocks, type Tensors } from "./blocks/block-runner.ts";
import { channelsTurned, feedsOf } from "./feeds.ts";
import type { HostTensor, HostTensors } from "./host-tensor.ts";
import { type Lowered, type LowerOptions, lower, OUTPUT } from "./lower.ts";
import type { Spill } from "./spill.ts";

export interface SessionOptions extends Omit<LowerOptions, "spill"> {
  readonly function?: string;
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
  /** How many blocks the function runs in; see `MAX_BLOCK_BYTES`. */
  readonly blocks: number;
  run(inputs: HostTensors): Promise<Prediction>;
  /** Several calls in order, each block opened once for all of them. One that fails does not end the others. */
  runAll(calls: readonly HostTensors[]): Promise<readonly PromiseSettledResult<Prediction>[]>;
}

/**
 * @param spill where decoded weights go; without it they are in memory
 * @throws ConversionError when the package cannot be read, lowered or loaded
 */
export async function openSession(path: string, options: SessionOptions, spill?: Spill): Promise<Session> {
  const { lowered, described } = lowerPackage(path, { ...options, ...(spill ? { spill } : {}) });
  return startSession(lowered, described, path);
}

/**
 * Loads a lowered graph.
 * @param path what an error names
 * @throws ConversionError `run.load`
 */
export async function startSession(lowered: Lowered, described: Interface, path: string): Promise<Session> {
  const { blocks, roundings, classifier } = lowered;
  const runCalls = await openBlocks(blocks, path);
  const blueFirst = described.outputs.filter((f) => f.kind === "image" && f.colorSpace === "BGR");
  let states: Record<string, HostTensor> = {};

  const predicted = (results: Tensors): Prediction => {
    const outputs = Object.fromEntries(
      Object.entries(results).map(([name, t]) => [name.slice(OUTPUT.length), fromOnnx(t)]),
    );
    for (const { name } of blueFirst) outputs[name] = channelsTurned(outputs[name] as HostTensor);
    states = Object.fromEntries(
      lowered.states.map((name) => [`state.${name}`, outputs[`state.${name}`] as HostTensor]),
    );
    const scores = classifier && outputs[classifier.probabilities];
    if (classifier && scores)
      outputs[classifier.probabilities] = { ...scores, shape: [scores.data.length] } as HostTensor;
    return { outputs, ...labelled(outputs, lowered) };
  };
  const together = async (calls: readonly HostTensors[]): Promise<PromiseSettledResult<Prediction>[]> => {
    const results = await runCalls(
      calls.map((inputs) => () => onnxTensors(feedsOf(described, { ...states, ...inputs }))),
    );
    return results.map((r) => (r.status === "fulfilled" ? { ...r, value: predicted(r.value) } : r));
  };
  return {
    interface: described,
    roundings,
    blocks: blocks.length,
    ...(classifier ? { classes: classifier.classes } : {}),
    async run(inputs) {
      const [result] = (await together([inputs])) as [PromiseSettledResult<Prediction>];
      if (result.status === "rejected") throw result.reason;
      return result.value;
    },
    async runAll(calls) {
      if (lowered.states.length === 0) return together(calls);
      // Each call begins with what the one before it left.
      const results: PromiseSettledResult<Prediction>[] = [];
      for (const inputs of calls) results.push(...(await together([inputs])));
      return results;
    },
  };
}

function lowerPackage(
  path: string,
  options: SessionOptions & LowerOptions,
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

const onnxTensors = (given: HostTensors): Tensors =>
  Object.fromEntries(
    Object.entries(given).map(([name, t]) => [
      name,
      t.dtype === "fp32" ? new Tensor("float32", t.data, t.shape) : new Tensor("int32", t.data, t.shape),
    ]),
  );

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
