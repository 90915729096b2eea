import { Folding } from "../../mil/folding.ts";
import { type Argument, argumentValues, type Func, type Node, type Value } from "../../mil/program.ts";
import type { OpTable } from "../../mil/row.ts";
import { valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";

/** A weight that a package stores compressed, and what it decodes to. */
export interface CompressedWeight {
  readonly name: string;
  /** `constexpr_lut_to_dense` and its like. */
  readonly op: string;
  readonly decoded: LazyTensor;
  /** Sizes of the part that shares one table or scale; undefined where values are not chosen one by one. */
  readonly block: readonly number[] | undefined;
}

/** The compressed weights a function computes with; what is only a part of another one is left out. */
export function compressedWeights({ body, target }: Func, table: OpTable): readonly CompressedWeight[] {
  const decoded = new Map<Value, LazyTensor>();
  const found = new Map<Value, CompressedWeight>();
  for (const node of body.nodes) {
    const row = Object.hasOwn(table, node.op) ? table[node.op] : undefined;
    const [value] = node.outputs;
    if (!row?.fold || !value) continue;
    const tensors = row.fold(new Folding(row, target, node.inputs, (v) => decoded.get(v)));
    node.outputs.forEach((v, i) => {
      decoded.set(v, tensors[i] as LazyTensor);
    });
    for (const part of [...node.inputs.values()].flatMap(argumentValues)) found.delete(part);
    const [tensor] = tensors;
    // A constant that is only widened was rounded, not compressed.
    if (tensor && node.op !== "constexpr_cast")
      found.set(value, { name: value.name, op: node.op, decoded: tensor, block: blockOf(node, tensor.shape) });
  }
  return [...found.values()];
}

/** How much of a tensor of that shape shares one table or scale. */
function blockOf({ op, inputs }: Node, shape: readonly number[]): readonly number[] | undefined {
  const sizes = (name: string): readonly number[] => shapeOf(inputs.get(name));
  switch (op) {
    case "constexpr_lut_to_dense": {
      // [blocks per axis ..., entries, values per entry] from iOS18 on, one table for all before.
      const lut = sizes("lut");
      if (lut.length !== shape.length + 2) return shape;
      return lut.at(-1) === 1 ? cut(shape, lut) : undefined;
    }
    case "constexpr_blockwise_shift_scale":
      return cut(shape, sizes("scale"));
    case "constexpr_affine_dequantize": {
      if (sizes("scale").length + sizes("zero_point").length === 0) return shape;
      const axis = integerOf(inputs.get("axis"));
      return shape.map((d, i) => (i === (axis + shape.length) % shape.length ? 1 : d));
    }
    default:
      return undefined;
  }
}

const cut = (shape: readonly number[], parts: readonly number[]): readonly number[] =>
  shape.map((d, i) => d / (parts[i] ?? 1));

function shapeOf(argument: Argument | undefined): readonly number[] {
  const [value] = argumentValues(argument ?? []);
  return value?.type.kind === "tensor" ? value.type.shape.map(Number) : [];
}

function integerOf(argument: Argument | undefined): number {
  const [value] = argumentValues(argument ?? []);
  return value?.constant?.kind === "tensor" ? Number(valuesOf(value.constant.data)[0]) : 0;
}
