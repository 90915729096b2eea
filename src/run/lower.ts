import { Folding } from "../mil/folding.ts";
import { explained, rowOf } from "../mil/infer.ts";
import type { Interface } from "../mil/interface.ts";
import { castCode, Lowering } from "../mil/lowering.ts";
import type { Block, Func, Node, Value } from "../mil/program.ts";
import type { OpTable } from "../mil/row.ts";
import type { Type } from "../mil/types.ts";
import { strict } from "../mil/unify.ts";
import { valuesOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { blocksOf, MAX_BLOCK_BYTES, type OnnxBlock, type OnnxProgram, valueInfo } from "./blocks/onnx-blocks.ts";
import { refuseHugeResults } from "./blocks/value-size.ts";
import { OnnxGraph } from "./onnx-graph.ts";
import type { Spill } from "./spill.ts";

/**
 * How half precision is executed. `rounded` rounds once after every operation whose declared result is fp16; `wide`
 * never does, which Core ML may do too, since a declared type is the least precision of execution.
 */
export type Mode = "rounded" | "wide";

export interface LowerOptions {
  readonly mode: Mode;
  /** Names of inner values to add to the outputs. */
  readonly watch?: readonly string[];
  /** Where large tensors go that lie in no file; without it they are copied into the graph. */
  readonly spill?: Spill;
  /** The most bytes of weights that are in memory together. Default `MAX_BLOCK_BYTES`. */
  readonly blockBytes?: number;
}

export interface Lowered {
  /** Run one after the other. */
  readonly blocks: readonly OnnxBlock[];
  /** Names of states; `state.<name>` is the output that carries one to the next call. */
  readonly states: readonly string[];
  /** Where a classifier's probabilities come from and what the labels are. */
  readonly classifier?: { readonly probabilities: string; readonly classes: readonly (string | number)[] };
  /** How many values are rounded to half precision: 0 in mode `wide`. */
  readonly roundings: number;
}

/** Begins the names of outputs in the executed graph: in a package, an output may have the name of an input. */
export const OUTPUT = "output ";

/**
 * One function as an fp32 ONNX graph, cut into blocks where its weights are many, the weights left in the weight file.
 * @throws ConversionError `op.invalid` for what a row cannot lower
 */
export function lower(func: Func, described: Interface, table: OpTable, options: LowerOptions): Lowered {
  const { mode, watch = [], blockBytes = MAX_BLOCK_BYTES } = options;
  let roundings = 0;
  const folded = new Map<Value, LazyTensor>();
  const unifier = strict();

  const round = (x: string, graph: OnnxGraph): string => {
    roundings++;
    const [half] = graph.node("Cast", [x], { to: castCode.float16 }, 1);
    return graph.node("Cast", [half as string], { to: castCode.float }, 1)[0] as string;
  };

  const lowerNode = (node: Node, graph: OnnxGraph): void => {
    if (node.op === "const") return;
    const row = rowOf(table, node.op, node.name);
    refuseHugeResults(node);
    graph.scope = node.name;
    if (row.fold) {
      const call = new Folding(row, func.target, node.inputs, (v) => folded.get(v));
      const tensors = explained(call, node.name, () => row.fold?.(call) ?? []);
      node.outputs.forEach((v, i) => {
        folded.set(v, tensors[i] as LazyTensor);
      });
      return;
    }
    const call = new Lowering(row, func.target, node.inputs, node.blocks, unifier, graph);
    const names = explained(call, node.name, () => row.onnx?.(call) ?? []);
    node.outputs.forEach((v, i) => {
      const name = names[i] as string;
      const isRounded = mode === "rounded" && row.half !== "moves" && node.blocks.length === 0 && isHalf(v.type);
      graph.bind(v, isRounded ? round(name, graph) : name);
    });
  };
  const lowerBlock = (block: Block, graph: OnnxGraph): void => {
    for (const node of block.nodes) lowerNode(node, graph);
  };

  const graph = new OnnxGraph(lowerBlock, (v) => folded.get(v), options.spill);
  const inputs = func.inputs.map((v) => {
    graph.scope = v.name;
    graph.bind(v, v.name);
    // What crosses the boundary as fp16 has no more than its digits, whatever the mode.
    if (isHalf(v.type)) graph.bind(v, round(v.name, graph));
    return valueInfo(v.name, v.type, true);
  });
  roundings = 0;
  const steps = [graph.takeNodes()];
  for (const node of func.body.nodes) {
    lowerNode(node, graph);
    steps.push(graph.takeNodes());
  }

  const outputs: OnnxProgram["outputs"][number][] = [];
  const give = (name: string, from: string, type: Type): void => {
    const info = valueInfo(`${OUTPUT}${name}`, type, false);
    if (!outputs.some((o) => o.info.name === info.name)) outputs.push({ from, info });
  };
  for (const v of func.body.outputs) {
    if (isExecuted(v.type)) give(v.name, graph.nameOf(v), v.type);
  }
  for (const name of watch) {
    const v = func.body.nodes.flatMap((n) => n.outputs).find((o) => o.name === name);
    if (v && !func.body.outputs.includes(v)) give(name, graph.nameOf(v), v.type);
  }
  const states = described.states.map(({ name }) => {
    const v = func.inputs.find((i) => i.name === name) as Value;
    give(`state.${name}`, graph.nameOf(v), v.type);
    return name;
  });
  const classifier = classifierOf(func, graph, give);
  const { constants, types } = graph;
  return {
    blocks: blocksOf({ inputs, steps, outputs, constants, types }, blockBytes),
    states,
    roundings,
    ...(classifier ? { classifier } : {}),
  };
}

const isHalf = (t: Type): boolean => t.kind === "tensor" && t.dtype === "fp16";
const isExecuted = (t: Type): boolean => t.kind === "tensor" && t.dtype !== "string" && t.dtype !== "int64";

function classifierOf(
  func: Func,
  graph: OnnxGraph,
  give: (name: string, from: string, type: Type) => void,
): Lowered["classifier"] {
  const node = func.body.nodes.find((n) => n.op === "classify");
  const [probabilities, classes] = [node?.inputs.get("probabilities"), node?.inputs.get("classes")].map(
    (a) => a as Value | undefined,
  );
  const name = node?.outputs[1]?.name;
  if (!probabilities || !classes || !name) return undefined;
  give(name, graph.nameOf(probabilities), probabilities.type);
  return { probabilities: name, classes: labelsOf(classes) };
}

function labelsOf(classes: Value): readonly (string | number)[] {
  const { constant } = classes;
  if (constant?.kind === "strings") return constant.values;
  return constant ? Array.from(valuesOf(constant.data), Number) : [];
}
