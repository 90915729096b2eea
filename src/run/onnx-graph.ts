import { dirname, relative, sep } from "node:path";
import {
  castCode,
  type OnnxAttribute,
  type OnnxInput,
  type OnnxSink,
  type OnnxSubgraph,
  type OnnxType,
  onnxTypeOf,
} from "../mil/lowering.ts";
import type { Block, Value } from "../mil/program.ts";
import { byteLength, type DType, elementCount } from "../tensor/dtype.ts";
import { valuesOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import {
  attributeType,
  EXTERNAL,
  elementType,
  type OnnxAttributeMessage,
  type OnnxGraphMessage,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from "./onnx-schema.ts";
import type { Spill } from "./spill.ts";

/** Below this a constant is copied into the graph rather than mapped from the weight file. */
const MIN_EXTERNAL = 1024;

/** Types a weight file and ONNX share, byte for byte. */
const shared: Readonly<Partial<Record<DType, number>>> = {
  fp32: elementType.float,
  fp16: elementType.float16,
  int32: elementType.int32,
  int16: elementType.int16,
  uint16: elementType.uint16,
  int8: elementType.int8,
  uint8: elementType.uint8,
};

/** What all graphs of one model share: constants live in the outermost one. */
interface Shared {
  readonly initializers: OnnxTensor[];
  /** Casts of constants: they stand before every other node. */
  readonly prelude: OnnxNode[];
  readonly constants: Map<string, string>;
  readonly tensors: Map<string, string>;
  readonly external: { readonly name: string; readonly path: string }[];
  readonly spill: Spill | undefined;
  count: number;
}

/** Lowers the nodes of a block into a graph; supplied by the lowering, which knows the rows. */
export type LowerBlock = (block: Block, into: OnnxGraph) => void;

/** An ONNX graph being built. */
export class OnnxGraph implements OnnxSink {
  readonly nodes: OnnxNode[] = [];
  private readonly shared: Shared;
  private readonly lowerBlock: LowerBlock;
  /** Names of values of this block and, through the parent, of those around it. */
  private readonly parent: OnnxGraph | undefined;
  private readonly local = new Map<Value, string>();
  /** The MIL node being lowered: its name stands in the names of what it becomes. */
  scope = "";

  private readonly foldedOf: (value: Value) => LazyTensor | undefined;

  /** `foldedOf`: what a constexpr op decodes to. `parent`: the graph around this one, or where large tensors go. */
  constructor(
    lowerBlock: LowerBlock,
    foldedOf: (value: Value) => LazyTensor | undefined,
    parent: OnnxGraph | Spill | undefined,
  ) {
    this.lowerBlock = lowerBlock;
    this.foldedOf = foldedOf;
    this.parent = parent instanceof OnnxGraph ? parent : undefined;
    this.shared = this.parent?.shared ?? {
      initializers: [],
      prelude: [],
      constants: new Map(),
      tensors: new Map(),
      external: [],
      spill: parent instanceof OnnxGraph ? undefined : parent,
      count: 0,
    };
  }

  private unique(): string {
    return `${this.scope}:${this.shared.count++}`;
  }

  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: number,
  ): readonly string[] {
    const output = Array.from({ length: outputs }, () => this.unique());
    this.nodes.push({
      name: output[0] ?? this.unique(),
      opType: op,
      input: [...inputs],
      output,
      attribute: Object.entries(attributes).map(attributeMessage),
    });
    return output;
  }

  constant(type: OnnxType, shape: readonly number[], values: readonly number[]): string {
    const key = `${type} [${shape}] ${values}`;
    const known = this.shared.constants.get(key);
    if (known) return known;
    const name = `constant:${this.shared.count++}`;
    this.shared.initializers.push({ name, dims: [...shape], dataType: castCode[type], rawData: bytesOf(type, values) });
    this.shared.constants.set(key, name);
    return name;
  }

  initializer(tensor: LazyTensor): string {
    const key = `${tensor.dtype} [${tensor.shape}] ${tensor.key}`;
    const known = this.shared.tensors.get(key);
    if (known) return known;
    const name = this.placed(tensor);
    this.shared.tensors.set(key, name);
    return name;
  }

  private placed(tensor: LazyTensor): string {
    const [type, computed] = [shared[tensor.dtype], onnxTypeOf(tensor.dtype)];
    const count = elementCount(tensor.shape);
    const size = byteLength(tensor.dtype, count);
    const name = `weight:${this.shared.count++}`;
    const dims = [...tensor.shape];
    const placed = tensor.at || size < MIN_EXTERNAL ? tensor : (this.shared.spill?.place(tensor) ?? tensor);
    if (!placed.at || type === undefined || size < MIN_EXTERNAL) {
      this.shared.initializers.push({
        name,
        dims,
        dataType: castCode[computed],
        rawData: bytesOf(computed, Array.from(valuesOf(tensor), Number)),
      });
      return name;
    }
    this.shared.external.push({ name, path: placed.at.path });
    const where = { location: "", offset: String(placed.at.offset), length: String(size) };
    const externalData = Object.entries(where).map(([key, value]) => ({ key, value }));
    this.shared.initializers.push({ name, dims, dataType: type, externalData, dataLocation: EXTERNAL });
    if (type === castCode[computed]) return name;
    const output = `${name}:${computed}`;
    this.shared.prelude.push({
      name: output,
      opType: "Cast",
      input: [name],
      output: [output],
      attribute: [attributeMessage(["to", castCode[computed]])],
    });
    return output;
  }

  /** From here on `value` is known by `name` in this graph and in those inside it. */
  bind(value: Value, name: string): void {
    this.local.set(value, name);
  }

  assign(value: Value, name: string): void {
    this.bind(value, name);
  }

  nameOf(value: Value): string {
    for (let g: OnnxGraph | undefined = this; g; g = g.parent) {
      const known = g.local.get(value);
      if (known !== undefined) return known;
    }
    const tensor = value.constant?.kind === "tensor" ? value.constant.data : this.foldedOf(value);
    if (tensor) return this.initializer(tensor);
    throw new TypeError(`'${value.name}' has no value in the executed graph`);
  }

  subgraph(inputs: readonly OnnxInput[], body: (inner: OnnxSink) => readonly string[]): OnnxSubgraph {
    const inner = new OnnxGraph(this.lowerBlock, this.foldedOf, this);
    inner.scope = this.scope;
    // A block may return what lies outside of it, which a subgraph may not.
    const output = body(inner).map((x): OnnxValueInfo => ({ name: inner.node("Identity", [x], {}, 1)[0] as string }));
    const input = inputs.map(({ name, type, isScalar }): OnnxValueInfo => {
      const shape = isScalar ? { shape: { dim: [] } } : {};
      return { name, type: { tensorType: { elemType: castCode[type], ...shape } } };
    });
    const graph: OnnxGraphMessage = { name: this.scope, node: inner.nodes, initializer: [], input, output };
    return graph as unknown as OnnxSubgraph;
  }

  inline(block: Block, inputs: readonly string[]): readonly string[] {
    const { scope } = this;
    block.inputs.forEach((v, i) => {
      this.bind(v, inputs[i] ?? v.name);
    });
    this.lowerBlock(block, this);
    this.scope = scope;
    return block.outputs.map((v) => this.nameOf(v));
  }

  /** The folder that holds every external weight, or undefined when there are none. */
  get folder(): string | undefined {
    const paths = this.shared.external.map((e) => e.path);
    const [first] = paths;
    if (first === undefined) return undefined;
    let common = dirname(first);
    while (!paths.every((p) => p.startsWith(common.endsWith(sep) ? common : common + sep))) common = dirname(common);
    return common;
  }

  /** The whole graph, weights relative to `folder`. */
  finish(input: OnnxValueInfo[], output: OnnxValueInfo[]): OnnxGraphMessage {
    const { folder = "" } = this;
    const pathOf = new Map(this.shared.external.map((e) => [e.name, relative(folder, e.path)]));
    for (const t of this.shared.initializers) {
      const location = t.externalData?.find((e) => e.key === "location");
      if (location) location.value = pathOf.get(t.name) ?? "";
    }
    return {
      name: "main",
      node: [...this.shared.prelude, ...this.nodes],
      initializer: this.shared.initializers,
      input,
      output,
    };
  }
}

function attributeMessage([name, value]: [string, OnnxAttribute]): OnnxAttributeMessage {
  if (typeof value === "number") return { name, type: attributeType.int, i: value };
  if (typeof value === "string") return { name, type: attributeType.string, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: attributeType.ints, ints: [...(value as readonly number[])] };
  if (typeof value === "object" && "float" in value) return { name, type: attributeType.float, f: value.float };
  return { name, type: attributeType.graph, g: value as unknown as OnnxGraphMessage };
}

function bytesOf(type: OnnxType, values: readonly number[]): Uint8Array {
  switch (type) {
    case "float":
      return new Uint8Array(Float32Array.from(values).buffer);
    case "int32":
      return new Uint8Array(Int32Array.from(values).buffer);
    case "int64":
      return new Uint8Array(BigInt64Array.from(values, (n) => BigInt(Math.trunc(n))).buffer);
    case "bool":
      return Uint8Array.from(values, (n) => Number(n !== 0));
    case "float16":
      throw new TypeError("half-precision constants are decoded before they reach the graph");
  }
}
