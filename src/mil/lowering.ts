import type { DType } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { Call } from "./call.ts";
import type { Target } from "./opset.ts";
import type { Argument, Block, Value } from "./program.ts";
import { argumentValues } from "./program.ts";
import type { Row } from "./row.ts";
import type { Unifier } from "./unify.ts";

/** Element types of the graph that is executed. Floats run as `float`, all small integers as `int32`. */
export type OnnxType = "float" | "float16" | "int32" | "int64" | "bool";
/** A graph inside a node's attribute, opaque to rows. */
export interface OnnxSubgraph {
  readonly "~subgraph": true;
}
export type OnnxAttribute = number | string | readonly number[] | OnnxSubgraph | { readonly float: number };

export interface OnnxInput {
  readonly name: string;
  readonly type: OnnxType;
  readonly isScalar?: boolean;
}

/** Where a lowering puts its nodes. Names it returns are unique in the graph. */
export interface OnnxSink {
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: number,
  ): readonly string[];
  constant(type: OnnxType, shape: readonly number[], values: readonly number[]): string;
  /** A constant with its bytes left where they lie, decoded to what the graph computes in. */
  initializer(tensor: LazyTensor): string;
  nameOf(value: Value): string;
  /** From here on the state `value` holds what `name` names. */
  assign(value: Value, name: string): void;
  /** A graph of its own, with results by name; it sees the values around it. */
  subgraph(inputs: readonly OnnxInput[], body: (inner: OnnxSink) => readonly string[]): OnnxSubgraph;
  /** The nodes of a block, here; its inputs known by the given names. Returns the names of its results. */
  inline(block: Block, inputs: readonly string[]): readonly string[];
}

export const onnxTypeOf = (dtype: DType): OnnxType => {
  if (dtype === "bool") return "bool";
  return dtype === "fp16" || dtype === "fp32" || dtype === "fp64" || dtype === "bf16" ? "float" : "int32";
};

/** What a row's lowering sees: the call, the ONNX names of its arguments, and a place for nodes. */
export class Lowering extends Call {
  private readonly sink: OnnxSink;

  constructor(
    row: Row,
    target: Target,
    args: ReadonlyMap<string, Argument>,
    blocks: readonly Block[],
    unifier: Unifier,
    sink: OnnxSink,
  ) {
    super(row, target, args, blocks, unifier);
    this.sink = sink;
  }

  /** The ONNX name of a parameter's value. */
  in(name: string): string {
    return this.sink.nameOf(this.value(name));
  }

  ins(name: string): readonly string[] {
    const arg = this.args.get(name);
    return arg === undefined ? [] : argumentValues(arg).map((v) => this.sink.nameOf(v));
  }

  /** The ONNX name, or the empty name that stands for an absent input. */
  maybe(name: string): string {
    return this.has(name) ? this.in(name) : "";
  }

  /** One node with one result. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.sink.node(op, inputs, attributes, 1)[0] as string;
  }

  nodes(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: number,
  ): readonly string[] {
    return this.sink.node(op, inputs, attributes, outputs);
  }

  floats(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.sink.constant("float", shape, values);
  }
  float(value: number): string {
    return this.sink.constant("float", [], [value]);
  }
  int64s(values: readonly number[]): string {
    return this.sink.constant("int64", [values.length], values);
  }
  int64(value: number): string {
    return this.sink.constant("int64", [], [value]);
  }
  int32(value: number): string {
    return this.sink.constant("int32", [], [value]);
  }
  bool(value: boolean): string {
    return this.sink.constant("bool", [], [Number(value)]);
  }

  /** A scalar constant of the type that values of `dtype` have in the executed graph. */
  like(dtype: DType, value: number): string {
    return this.sink.constant(onnxTypeOf(dtype), [], [value]);
  }

  initializer(tensor: LazyTensor): string {
    return this.sink.initializer(tensor);
  }

  cast(x: string, to: OnnxType): string {
    return this.node("Cast", [x], { to: castCode[to] });
  }

  /** An integer parameter as a one-dimensional int64 tensor, whether constant or computed. */
  vector(name: string): string {
    const numbers = this.numbers(name);
    if (numbers) return this.int64s(numbers);
    const wide = this.cast(this.in(name), "int64");
    return this.rank(name) === 0 ? this.node("Reshape", [wide, this.int64s([1])]) : wide;
  }

  /** From here on the state given as parameter `name` holds `data`. */
  assign(name: string, data: string): void {
    this.sink.assign(this.value(name), data);
  }

  private blockAt(i: number): Block {
    return this.blocks[i] ?? this.refuse(`block ${i} is missing`);
  }

  /** The graph of the node's block `i`, which takes no inputs. */
  block(i: number): OnnxSubgraph {
    return this.sink.subgraph([], (inner) => inner.inline(this.blockAt(i), []));
  }

  /** The nodes of block `i` right here. */
  inline(i: number, inputs: readonly string[], into: OnnxSink = this.sink): readonly string[] {
    return into.inline(this.blockAt(i), inputs);
  }

  subgraph(inputs: readonly OnnxInput[], body: (inner: OnnxSink) => readonly string[]): OnnxSubgraph {
    return this.sink.subgraph(inputs, body);
  }
}

/** `TensorProto.DataType` of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
export const castCode: Record<OnnxType, number> = { float: 1, int32: 6, int64: 7, bool: 9, float16: 10 };
