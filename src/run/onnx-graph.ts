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
import type { Type } from "../mil/types.ts";
import { cast } from "../tensor/cast.ts";
import { byteLength, type DType, elementCount } from "../tensor/dtype.ts";
import { isWholeByte } from "../tensor/elements.ts";
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
  bool: elementType.bool,
};
/** What large constants of other types are written as. */
const storedAs: Readonly<Partial<Record<OnnxType, DType>>> = { float: "fp32", int32: "int32" };

/** Bytes of an element of the types a graph computes in. */
const widths: Readonly<Record<OnnxType, number>> = { float: 4, float16: 2, int32: 4, int64: 8, bool: 1 };

/** A constant of the executed graph. */
export interface OnnxConstant {
  readonly tensor: OnnxTensor;
  /** The file that holds its values; undefined when they are in `tensor`. */
  readonly path?: string;
  /** Turns what is stored into what the graph computes in. */
  readonly cast?: OnnxNode;
  /** What it takes in memory while the graph that uses it is open. */
  readonly bytes: number;
}

/** What all graphs of one model share: constants live in the outermost one. */
interface Shared {
  /** By the name the nodes use: that of the tensor, or of the result of its cast. */
  readonly constants: Map<string, OnnxConstant>;
  /** Types of what values are known by. */
  readonly types: Map<string, Type>;
  /** Names of constants, by what they hold. */
  readonly known: Map<string, string>;
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
      constants: new Map(),
      types: new Map(),
      known: new Map(),
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
    return this.once(`${type} [${shape}] ${values}`, () => {
      const rawData = bytesOf(type, values);
      const tensor = { name: `constant:${this.shared.count++}`, dims: [...shape], dataType: castCode[type], rawData };
      return { tensor, bytes: rawData.length };
    });
  }

  initializer(tensor: LazyTensor): string {
    return this.once(`${tensor.dtype} [${tensor.shape}] ${tensor.key}`, () => this.placed(tensor));
  }

  /** The name of the constant that `key` tells from all others, made when it is first asked for. */
  private once(key: string, make: () => OnnxConstant): string {
    const { known, constants } = this.shared;
    const before = known.get(key);
    if (before !== undefined) return before;
    const constant = make();
    const name = constant.cast?.output[0] ?? constant.tensor.name;
    known.set(key, name);
    constants.set(name, constant);
    return name;
  }

  private placed(tensor: LazyTensor): OnnxConstant {
    const computed = onnxTypeOf(tensor.dtype);
    const name = `weight:${this.shared.count++}`;
    const dims = [...tensor.shape];
    const bytes = elementCount(tensor.shape) * widths[computed];
    const mapped = this.mapped(tensor);
    if (!mapped?.at) {
      const rawData = bytesOf(computed, Array.from(valuesOf(tensor), Number));
      return { tensor: { name, dims, dataType: castCode[computed], rawData }, bytes };
    }
    const { path, offset } = mapped.at;
    const length = byteLength(mapped.dtype, elementCount(tensor.shape));
    const where = { offset: String(offset), length: String(length) };
    const externalData = Object.entries(where).map(([key, value]) => ({ key, value }));
    const dataType = shared[mapped.dtype] as number;
    const stored = { name, dims, dataType, externalData, dataLocation: EXTERNAL };
    if (dataType === castCode[computed]) return { tensor: stored, path, bytes };
    const output = `${name}:${computed}`;
    const cast = {
      name: output,
      opType: "Cast",
      input: [name],
      output: [output],
      attribute: [attributeMessage(["to", castCode[computed]])],
    };
    return { tensor: stored, path, cast, bytes };
  }

  /** The tensor as it lies in a file, in a type that ONNX has too; undefined for what is small or has no file to go to. */
  private mapped(tensor: LazyTensor): LazyTensor | undefined {
    const { spill } = this.shared;
    if (byteLength(tensor.dtype, elementCount(tensor.shape)) < MIN_EXTERNAL) return undefined;
    if (tensor.dtype in shared) return tensor.at ? tensor : spill?.place(tensor);
    const computed = storedAs[onnxTypeOf(tensor.dtype)];
    return computed && isWholeByte(tensor.dtype) ? spill?.place(cast(tensor, computed)) : undefined;
  }

  /** From here on `value` is known by `name` in this graph and in those inside it. */
  bind(value: Value, name: string): void {
    this.local.set(value, name);
    if (!this.shared.types.has(name)) this.shared.types.set(name, value.type);
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

  /** The nodes since it was last asked. */
  takeNodes(): OnnxNode[] {
    return this.nodes.splice(0);
  }

  /** By the names that nodes use. */
  get constants(): ReadonlyMap<string, OnnxConstant> {
    return this.shared.constants;
  }

  /** Types of what values are known by. */
  get types(): ReadonlyMap<string, Type> {
    return this.shared.types;
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
