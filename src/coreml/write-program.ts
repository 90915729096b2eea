import { rowOf } from "../mil/infer.ts";
import { at, opsetOf, type Target } from "../mil/opset.ts";
import { argumentValues, type Block, type Func, type Node, type Program, type Value } from "../mil/program.ts";
import { type OpTable, paramsOf } from "../mil/row.ts";
import { tensorType } from "../mil/types.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { scalarString, writeConstant, writeType } from "./value-wire.ts";
import type { WireBlock, WireFunction, WireNamedType, WireOperation, WireProgram, WireValue } from "./wire.ts";

/** A program as messages; `blob` places a tensor in the weight file and returns its offset. */
export function writeProgram(program: Program, table: OpTable, blob: (t: LazyTensor) => number): WireProgram {
  const functions = [...program.functions].map(([name, f]) => [name, writeFunction(f, table, blob)] as const);
  return {
    version: 1,
    functions: Object.fromEntries(functions),
    ...(program.buildInfo ? { attributes: { buildInfo: writeBuildInfo(program.buildInfo) } } : {}),
  };
}

function writeBuildInfo(info: ReadonlyMap<string, string>): WireValue {
  const text = writeType(tensorType("string", []));
  return {
    type: { dictionaryType: { keyType: text, valueType: text } },
    immediateValue: {
      dictionary: { values: [...info].map(([key, value]) => ({ key: scalarString(key), value: scalarString(value) })) },
    },
  };
}

function writeFunction(f: Func, table: OpTable, blob: (t: LazyTensor) => number): WireFunction {
  const opset = opsetOf(f.target);
  return {
    inputs: f.inputs.map(namedType),
    opset,
    blockSpecializations: { [opset]: writeBlock(f.body, f.target, table, blob) },
  };
}

const namedType = (v: Value): WireNamedType => ({ name: v.name, type: writeType(v.type) });

function writeBlock(block: Block, target: Target, table: OpTable, blob: (t: LazyTensor) => number): WireBlock {
  return {
    inputs: block.inputs.map(namedType),
    outputs: block.outputs.map((v) => v.name),
    operations: block.nodes.map((n) => writeNode(n, target, table, blob)),
  };
}

function writeNode(node: Node, target: Target, table: OpTable, blob: (t: LazyTensor) => number): WireOperation {
  const name = scalarString(node.name);
  const outputs = node.outputs.map(namedType);
  if (node.op === "const")
    return { type: "const", outputs, attributes: { name, val: writeConstant(node.outputs[0] as Value, target, blob) } };
  const row = rowOf(table, node.op, node.name);
  const inPlace = row.form && at(row.form, target);
  const bind = (key: string, v: Value): { name?: string; value?: WireValue } =>
    v.constant && (v.literal || inPlace || row.literals?.includes(key))
      ? { value: writeConstant(v, target, blob) }
      : { name: v.name };
  // In the row's order, which is that of blobs in the weight file; then back in the node's own.
  const bound = new Map(
    paramsOf(row).flatMap(({ name: key }) => {
      const arg = node.inputs.get(key);
      return arg === undefined ? [] : [[key, argumentValues(arg).map((v) => bind(key, v))] as const];
    }),
  );
  if (inPlace === "attributes") {
    const values = [...bound].map(([key, [only]]) => [key, only?.value] as const);
    const attributes = [...values, ["name", name] as const].sort(([a], [b]) => (a < b ? -1 : 1));
    return { type: node.op, outputs, attributes: Object.fromEntries(attributes) as Record<string, WireValue> };
  }
  return {
    type: node.op,
    inputs: Object.fromEntries([...node.inputs.keys()].map((key) => [key, { arguments: bound.get(key) ?? [] }])),
    outputs,
    blocks: node.blocks.map((b) => writeBlock(b, target, table, blob)),
    attributes: { name },
  };
}
