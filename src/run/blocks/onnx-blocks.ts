import { dirname, relative, sep } from "node:path";
import { fail } from "../../diagnostics.ts";
import { type Dim, maxOf } from "../../mil/dim.ts";
import { castCode, onnxTypeOf } from "../../mil/lowering.ts";
import type { TensorType, Type } from "../../mil/types.ts";
import { bitsOf } from "../../tensor/dtype.ts";
import type { OnnxConstant } from "../onnx-graph.ts";
import { encodeOnnx, type OnnxNode, type OnnxTensor, type OnnxValueInfo } from "../onnx-schema.ts";
import { cutsOf, type Step } from "./cuts.ts";

/**
 * Bytes of the weights, as they are computed with, that one block holds. A session needs its weights in memory, and a
 * hosted Mac has 7 GB for everything; below this a second session would cost more than it saves.
 */
export const MAX_BLOCK_BYTES = 1e9;
/** What a size without a bound counts as where live values are compared. */
const UNBOUNDED = 1024;

/** A function as ONNX, before it is cut. */
export interface OnnxProgram {
  readonly inputs: readonly OnnxValueInfo[];
  /** Nodes in order; those of one operation stay together. */
  readonly steps: readonly (readonly OnnxNode[])[];
  readonly outputs: readonly { readonly from: string; readonly info: OnnxValueInfo }[];
  /** By the names that nodes use. */
  readonly constants: ReadonlyMap<string, OnnxConstant>;
  /** Types of the values that steps hand on. */
  readonly types: ReadonlyMap<string, Type>;
}

/** Consecutive nodes of a function as a model of their own. */
export interface OnnxBlock {
  readonly onnx: Uint8Array;
  /** The folder that external weights are relative to, undefined when there are none. */
  readonly folder: string | undefined;
  /** Inputs of the function and results of earlier blocks that it reads. */
  readonly inputs: readonly string[];
  /** Outputs of the function, and what later blocks read. */
  readonly outputs: readonly string[];
}

/**
 * A function as models that compute it one after the other, each with at most `limit` bytes of constants: one model
 * where they all fit.
 * @throws ConversionError `run.drives` when weights of one block lie on different drives
 */
export function blocksOf(program: OnnxProgram, limit: number): OnnxBlock[] {
  const { constants, types } = program;
  const steps = withOutputs(program);
  const described = steps.map(stepOf);
  const starts = cutsOf(described, limit, {
    constant: (name) => constants.get(name)?.bytes ?? 0,
    value: (name) => bytesOf(types.get(name)),
  });
  const outputs = new Map(program.outputs.map(({ info }) => [info.name, info]));
  const inputs = new Map(program.inputs.map((info) => [info.name, info]));
  return starts.map((start, i) => {
    const end = starts[i + 1] ?? steps.length;
    const { reads, writes } = joined(described.slice(start, end));
    const later = joined(described.slice(end)).reads;
    const taken = [...reads].filter((name) => !constants.has(name));
    const given = [...writes].filter((name) => outputs.has(name) || later.has(name));
    return encodeBlock(
      steps.slice(start, end).flat(),
      [...reads].flatMap((name) => constants.get(name) ?? []),
      taken.map((name) => inputs.get(name) ?? valueInfo(name, types.get(name), true)),
      given.map((name) => outputs.get(name) ?? valueInfo(name, types.get(name), false)),
    );
  });
}

/** Outputs are copied out where they are made: until the end they would have to be kept. */
function withOutputs({ steps, outputs }: OnnxProgram): readonly (readonly OnnxNode[])[] {
  const madeBy = new Map(steps.flatMap((nodes, i) => nodes.flatMap((n) => n.output).map((name) => [name, i] as const)));
  const all = steps.length === 0 ? [[]] : steps.map((nodes) => [...nodes]);
  for (const { from, info } of outputs) {
    const node = { name: info.name, opType: "Identity", input: [from], output: [info.name], attribute: [] };
    all[madeBy.get(from) ?? 0]?.push(node);
  }
  // A constant is an operation without nodes, and a model without nodes does not load.
  return all.filter((nodes) => nodes.length > 0);
}

/** What nodes read from outside of them, also in the graphs inside them, and what they make. */
function stepOf(nodes: readonly OnnxNode[]): Step {
  const reads = new Set<string>();
  const writes = new Set<string>();
  for (const node of nodes) {
    for (const name of readBy(node)) if (!writes.has(name)) reads.add(name);
    for (const name of node.output) writes.add(name);
  }
  return { reads, writes: [...writes] };
}

function readBy({ input, attribute }: OnnxNode): readonly string[] {
  const inner = attribute.flatMap(({ g }) => {
    if (!g) return [];
    const made = new Set([...g.input.map((v) => v.name), ...g.node.flatMap((n) => n.output)]);
    return g.node.flatMap(readBy).filter((name) => !made.has(name));
  });
  // An input that is left out has no name.
  return [...input, ...inner].filter((name) => name !== "");
}

/** What several steps read from outside of them all, and what they make. */
function joined(steps: readonly Step[]): { readonly reads: ReadonlySet<string>; readonly writes: ReadonlySet<string> } {
  const writes = new Set(steps.flatMap((s) => s.writes));
  const reads = new Set(steps.flatMap((s) => [...s.reads]).filter((name) => !writes.has(name)));
  return { reads, writes };
}

function encodeBlock(
  nodes: readonly OnnxNode[],
  constants: readonly OnnxConstant[],
  input: readonly OnnxValueInfo[],
  output: readonly OnnxValueInfo[],
): OnnxBlock {
  const folder = commonFolder(constants.flatMap((c) => c.path ?? []));
  const onnx = encodeOnnx({
    name: "main",
    node: [...constants.flatMap((c) => c.cast ?? []), ...nodes],
    initializer: constants.map((c) =>
      c.path === undefined ? c.tensor : located(c.tensor, relative(folder ?? "", c.path)),
    ),
    input: [...input],
    output: [...output],
  });
  return { onnx, folder, inputs: input.map((v) => v.name), outputs: output.map((v) => v.name) };
}

const located = (tensor: OnnxTensor, location: string): OnnxTensor => ({
  ...tensor,
  externalData: [{ key: "location", value: location }, ...(tensor.externalData ?? [])],
});

function commonFolder(paths: readonly string[]): string | undefined {
  const [first, ...others] = new Set(paths.map(dirname));
  if (first === undefined) return undefined;
  const isBelow = (path: string, folder: string): boolean =>
    path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  let common = first;
  while (!others.every((path) => isBelow(path, common))) {
    const above = dirname(common);
    if (above === common) {
      const message = "the weights lie on different drives, which ONNX Runtime cannot map together";
      fail("validation", "run.drives", message, {
        path: paths.join(", "),
        hint: "set TEMP to a folder on the same drive",
      });
    }
    common = above;
  }
  return common;
}

/** What runs: the values of a state, or the elements of a list. */
function executed(type: Type | undefined): TensorType {
  if (type?.kind === "tensor") return type;
  if (type?.kind === "state") return type.of;
  if (type?.kind === "list") return type.element;
  throw new TypeError(`a ${type?.kind ?? "value without a type"} is not executed`);
}

function bytesOf(type: Type | undefined): number {
  const { dtype, shape } = executed(type);
  const sizeOf = (d: Dim): number => (Number.isFinite(maxOf(d)) ? maxOf(d) : UNBOUNDED);
  return (shape.reduce<number>((n, d) => n * sizeOf(d), 1) * bitsOf[dtype === "bool" ? "bool" : "fp32"]) / 8;
}

/** @param shaped whether to say its sizes, as far as they are known */
export function valueInfo(name: string, type: Type | undefined, shaped: boolean): OnnxValueInfo {
  const { dtype, shape } = executed(type);
  const isShaped = shaped && type?.kind !== "list";
  const dim = shape.map((d) => (typeof d === "number" ? { dimValue: d } : {}));
  return {
    name,
    type: { tensorType: { elemType: castCode[onnxTypeOf(dtype)], ...(isShaped ? { shape: { dim } } : {}) } },
  };
}
