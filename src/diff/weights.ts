import { Folding } from "../mil/folding.ts";
import { explained, rowOf } from "../mil/infer.ts";
import { allNodes, argumentValues, type Func, type Node, type Value } from "../mil/program.ts";
import type { OpTable } from "../mil/row.ts";
import { bitsOf, byteLength, type DType, elementCount, isFloat } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";

/** Constants of more elements are weights even where no weight file holds them; the others are parameters. */
const MAX_PARAMETER = 8;

/** A constant tensor that a function uses, plain or decoded by constexpr operations. */
export interface Weight {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** What is stored: one tensor, or indices, tables, masks and scales, each once. */
  readonly parts: readonly LazyTensor[];
  /** The constexpr operations that decode it, in order. */
  readonly decodedBy: readonly string[];
  /** Of all parts. */
  readonly bytes: number;
  /** Plain data, decoded anew by each tensor that is opened. */
  open(): LazyTensor;
}

/** Weights of a function by the value that stands for them, and whether a node is there only to decode one. */
export interface FunctionWeights {
  readonly byValue: ReadonlyMap<Value, Weight>;
  isDecoder(node: Node): boolean;
}

/** Finds the weights of a function, in program order. Reads none. */
export function weightsOf(func: Func, table: OpTable): FunctionWeights {
  const nodes = [...allNodes(func.body)];
  const isDecoder = (node: Node): boolean => node.op !== "const" && rowOf(table, node.op, node.name).fold !== undefined;
  const decoders = new Map(nodes.filter(isDecoder).flatMap((n) => n.outputs.map((v) => [v, n] as const)));
  const argumentsOf = (list: readonly Node[]): Set<Value> =>
    new Set(list.flatMap((n) => [...n.inputs.values()].flatMap(argumentValues)));
  const used = argumentsOf(nodes.filter((n) => !isDecoder(n)));
  for (const block of [func.body, ...nodes.flatMap((n) => n.blocks)]) for (const v of block.outputs) used.add(v);
  const decoded = argumentsOf(nodes.filter(isDecoder));
  const byValue = new Map<Value, Weight>();
  for (const value of [...nodes.flatMap((n) => n.outputs), ...used]) {
    // A table or scale that only a decoder reads is a part of the weight it decodes.
    if (byValue.has(value) || (decoded.has(value) && !used.has(value))) continue;
    const decoder = decoders.get(value);
    if (decoder) byValue.set(value, decodedWeight(value, decoders, func, table));
    else if (isWeight(value)) byValue.set(value, plainWeight(value));
  }
  return { byValue, isDecoder };
}

function isWeight({ constant, literal }: Value): boolean {
  if (constant?.kind !== "tensor") return false;
  const { shape, dtype } = constant.data;
  if (constant.storage === "blob" || elementCount(shape) > MAX_PARAMETER) return true;
  return !literal && shape.length > 0 && isFloat(dtype);
}

function plainWeight(value: Value): Weight {
  const { data } = value.constant as Extract<Value["constant"], { kind: "tensor" }>;
  return {
    name: value.name,
    dtype: data.dtype,
    shape: data.shape,
    parts: [data],
    decodedBy: [],
    bytes: sizeOf(data),
    open: () => data,
  };
}

function decodedWeight(value: Value, decoders: ReadonlyMap<Value, Node>, func: Func, table: OpTable): Weight {
  const parts = new Map<string, LazyTensor>();
  const chain = new Set<Node>();
  const gather = (v: Value): void => {
    if (v.constant?.kind === "tensor") parts.set(partKey(v.constant.data), v.constant.data);
    const node = decoders.get(v);
    if (!node || chain.has(node)) return;
    for (const arg of node.inputs.values()) for (const inner of argumentValues(arg)) gather(inner);
    chain.add(node);
  };
  gather(value);
  const { type } = value;
  if (type.kind !== "tensor") throw new TypeError(`${value.name} is decoded to a ${type.kind}`);
  return {
    name: value.name,
    dtype: type.dtype,
    shape: type.shape.map((d) => (typeof d === "number" ? d : 0)),
    parts: [...parts.values()],
    decodedBy: [...chain].map((n) => n.op),
    bytes: [...parts.values()].reduce((sum, t) => sum + sizeOf(t), 0),
    open: () => opened(value, decoders, func, table),
  };
}

/** Decoders keep what they decoded, so that each opening has its own. */
function opened(value: Value, decoders: ReadonlyMap<Value, Node>, func: Func, table: OpTable): LazyTensor {
  const folded = new Map<Value, LazyTensor>();
  const fold = (v: Value): LazyTensor | undefined => {
    const node = decoders.get(v);
    if (node && !folded.has(v)) {
      const row = rowOf(table, node.op, node.name);
      const call = new Folding(row, func.target, node.inputs, fold);
      const tensors = explained(call, node.name, () => row.fold?.(call) ?? []);
      node.outputs.forEach((output, i) => {
        folded.set(output, tensors[i] as LazyTensor);
      });
    }
    return folded.get(v);
  };
  return fold(value) as LazyTensor;
}

/** Equal for parts of one package that share a place in its weight file, or are equal where there is none. */
export const partKey = (t: LazyTensor): string => `${t.dtype} [${t.shape}] ${t.key}`;

const sizeOf = (t: LazyTensor): number => byteLength(t.dtype, elementCount(t.shape));

/** Bits of storage for each element. */
export const bitsPerElement = ({ bytes, shape, dtype }: Weight): number => {
  const elements = elementCount(shape);
  return elements === 0 ? bitsOf[dtype] : (8 * bytes) / elements;
};
