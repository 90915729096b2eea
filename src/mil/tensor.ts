import type { LazyTensor } from "../tensor/tensor.ts";
import { Builder, type Given } from "./builder.ts";
import type { Dim } from "./dim.ts";
import { ops } from "./ops/index.ts";
import type { Target } from "./opset.ts";
import type { Param } from "./params.ts";
import { type Block, Value } from "./program.ts";
import type { Row } from "./row.ts";
import type { Type } from "./types.ts";

type Ops = typeof ops;
type ArgOf<P> = P extends { readonly "~arg"?: readonly [infer A, boolean] }
  ? A | (A extends Value ? LazyTensor : never)
  : never;
type IsRequired<P> = P extends { readonly "~arg"?: readonly [unknown, infer R] }
  ? R extends true
    ? true
    : false
  : never;
type Named<Ps extends readonly Param[]> = {
  [P in Ps[number] as IsRequired<P> extends true ? P["name"] : never]: ArgOf<P>;
} & { [P in Ps[number] as IsRequired<P> extends true ? never : P["name"]]?: ArgOf<P> };
type Positional<Ps extends readonly unknown[]> = { [K in keyof Ps]: ArgOf<Ps[K]> };
type Rest<Ps extends readonly unknown[]> = Ps extends readonly [unknown, ...infer R] ? R : [];
type Results<Many> = Many extends true ? readonly Tensor[] : Tensor;
type MethodOf<R> =
  R extends Row<infer In, infer Options, infer Many>
    ? In extends readonly [] // no operand to call it on: only `graph.op` has it
      ? never
      : Record<never, never> extends Named<Options>
        ? (...args: [...Positional<Rest<In>>, options?: Named<Options>]) => Results<Many>
        : (...args: [...Positional<Rest<In>>, options: Named<Options>]) => Results<Many>
    : never;
type Methods = { [K in keyof Ops as MethodOf<Ops[K]> extends never ? never : K]: MethodOf<Ops[K]> };
type FunctionOf<R> =
  R extends Row<infer In, infer Options, infer Many>
    ? (args: Named<In> & Named<Options>, more?: { name?: string; blocks?: readonly Block[] }) => Results<Many>
    : never;
type Functions = { [K in keyof Ops]: FunctionOf<Ops[K]> };

/** A value of a graph under construction; every operation with an operand is a method: `q.matmul(k, { transpose_y: true })`. */
export class GraphValue extends Value {
  readonly graph: Graph;

  constructor(graph: Graph, name: string, type: Type, more: Pick<Value, "content" | "constant">) {
    super(name, type, more);
    this.graph = graph;
  }

  get dims(): readonly Dim[] {
    return this.type.kind === "tensor" ? this.type.shape : [];
  }

  /** Dimension `i`, negatives from the end. @throws RangeError when there is none. */
  dim(i: number): Dim {
    const d = this.dims.at(i);
    if (d === undefined) throw new RangeError(`${this.name} has no dimension ${i}`);
    return d;
  }

  /** Dimension `i` where the graph needs a number. @throws TypeError when it is flexible. */
  fixed(i: number): number {
    const d = this.dim(i);
    if (typeof d !== "number")
      throw new TypeError(`dimension ${i} of ${this.name} is ${d.text}, a number was expected`);
    return d;
  }
}
export type Tensor = GraphValue & Methods;

/** The builder over our own table, with its methods. */
export class Graph extends Builder {
  /** Every operation with all parameters by name: `graph.op.concat({ values, axis: 1 })`. */
  readonly op: Functions;

  constructor(target: Target) {
    super(target, ops);
    this.op = Object.fromEntries(
      Object.entries(ops).map(([name, row]) => [
        name,
        (args: Record<string, Given>, more?: { name?: string; blocks?: readonly Block[] }) => {
          const results = this.emit(name, args, more);
          return row.many ? results : results[0];
        },
      ]),
    ) as unknown as Functions;
  }

  protected override makeValue(name: string, type: Type, more: Pick<Value, "content" | "constant">): Value {
    return new GraphValue(this, name, type, more);
  }

  override weight(tensor: LazyTensor, name?: string): Tensor {
    return super.weight(tensor, name) as Tensor;
  }

  override input(name: string, type: Type): Tensor {
    return super.input(name, type) as Tensor;
  }
}

for (const [name, row] of Object.entries(ops) as [string, Row][]) {
  const [first, ...others] = row.operands;
  if (!first) continue;
  Object.defineProperty(GraphValue.prototype, name, {
    value(this: GraphValue, ...args: Given[]): unknown {
      const given: Record<string, Given> = {
        [first.name]: this,
        ...(args[others.length] as unknown as Record<string, Given> | undefined),
      };
      others.forEach((p, i) => {
        given[p.name] = args[i];
      });
      const results = this.graph.emit(name, given);
      return row.many ? results : results[0];
    },
  });
}
