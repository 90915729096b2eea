import { fail } from "../diagnostics.ts";
import type { DType } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { Call, dtypeFor, isIn } from "./call.ts";
import { constantValue, literalValue } from "./constants.ts";
import { type Dim, dimText, type Expr, equalDims, type Length, lengthsOf, mulDims } from "./dim.ts";
import { explained, inferNode, rowOf } from "./infer.ts";
import { names, sanitised } from "./names.ts";
import type { Target } from "./opset.ts";
import type { Param } from "./params.ts";
import { type Argument, allNodes, type Block, type Func, type Node, Value } from "./program.ts";
import { type OpTable, paramsOf, type Row } from "./row.ts";
import { type TensorType, type Type, tensorType } from "./types.ts";
import { strict } from "./unify.ts";

/** What a builder takes for a parameter; numbers and vectors become constants of the parameter's dtype. */
export type Given =
  | Value
  | readonly Value[]
  | LazyTensor
  | number
  | boolean
  | string
  | readonly (number | boolean | Expr)[]
  | Expr
  | undefined;

/**
 * Collects the nodes of one function. Values are named after the scope they are made in (checkpoint paths), so that the
 * package, the executed graph and an error speak the checkpoint's language.
 */
export class Builder {
  readonly target: Target;
  readonly table: OpTable;
  private readonly unique = names();
  private readonly unifier = strict();
  private readonly inputs: Value[] = [];
  private readonly scopes: string[] = [];
  private readonly weights = new Map<string, Value>();
  private readonly computed = new Map<string, Value>();
  private nodes: Node[] = [];
  private keep: "fp32" | undefined;

  constructor(target: Target, table: OpTable) {
    this.target = target;
    this.table = table;
  }

  /** Every value comes from here; a builder with methods on its values makes its own kind. */
  protected makeValue(name: string, type: Type, more: Pick<Value, "content" | "constant">): Value {
    return new Value(name, type, more);
  }

  /** A function input; the name is kept as it is. @throws ConversionError `name.illegal` */
  input(name: string, type: Type): Value {
    checkName(name);
    if (this.inputs.some((i) => i.name === name))
      fail("usage", "name.taken", "two inputs of this name", { path: name });
    const v = this.makeValue(this.unique(name), type, { content: undefined, constant: undefined });
    this.inputs.push(v);
    return v;
  }

  /** Names made inside start with `scope`. */
  scoped<T>(scope: string, body: () => T): T {
    this.scopes.push(scope);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }

  /** Nodes made inside stay in fp32 whatever the precision of the rest. */
  inFloat32<T>(body: () => T): T {
    const before = this.keep;
    this.keep = "fp32";
    try {
      return body();
    } finally {
      this.keep = before;
    }
  }

  private name(hint: string): string {
    return this.unique([...this.scopes.slice(-1), hint].filter(Boolean).join("."));
  }

  /** A constant over a tensor. Asked for twice, it is one value: tied weights share a blob. */
  weight(tensor: LazyTensor, name = tensor.key): Value {
    const known = this.weights.get(tensor.key);
    if (known) return known;
    const v = this.constant(constantValue(name, tensor), name);
    this.weights.set(tensor.key, v);
    return v;
  }

  private addConstant(v: Value): Value {
    this.nodes.push({ op: "const", name: v.name, inputs: new Map(), outputs: [v], blocks: [] });
    return v;
  }

  /** A copy of a constant of another graph. */
  constant(v: Value, name: string): Value {
    return this.addConstant(this.makeValue(this.unique(name), v.type, v));
  }

  /** Appends a node. @throws ConversionError `op.invalid` when types or parameters do not fit the row. */
  emit(
    op: string,
    given: Readonly<Record<string, Given>>,
    more: { name?: string; blocks?: readonly Block[] } = {},
  ): readonly Value[] {
    const row = rowOf(this.table, op, "builder");
    const name = more.name === undefined ? this.name(op) : this.unique(more.name);
    const inputs = this.resolve(row, name, given);
    const blocks = more.blocks ?? [];
    const results = inferNode(row, { name, inputs, blocks }, this.target, this.unifier);
    const outputs = results.map((r, i) =>
      this.makeValue(results.length === 1 ? name : this.unique(`${name}_${i}`), r.type, {
        content: r.content,
        constant: undefined,
      }),
    );
    this.nodes.push({ op, name, inputs, outputs, blocks, ...(this.keep ? { keep: this.keep } : {}) });
    return outputs;
  }

  /** Arguments in the row's order, literals and defaults made constants, so that all of them reach the wire. */
  private resolve(row: Row, name: string, given: Readonly<Record<string, Given>>): ReadonlyMap<string, Argument> {
    const args = new Map<string, Argument>();
    const call = new Call(row, this.target, args, [], this.unifier);
    return explained(call, name, () => {
      const params = paramsOf(row);
      for (const key of Object.keys(given)) {
        if (given[key] !== undefined && !params.some((p) => p.name === key && isIn(p, this.target)))
          call.refuse(`no parameter '${key}' at ${this.target}`);
      }
      // Values first: literals take the dtype of the values they share a domain with.
      for (const p of params) {
        const value = given[p.name];
        if (value instanceof Value || isValues(value)) args.set(p.name, value);
      }
      for (const p of params) {
        if (args.has(p.name) || !isIn(p, this.target)) continue;
        const value = given[p.name] ?? call.defaultOf(p.name);
        if (value !== undefined)
          args.set(p.name, this.literal(call, p, `${name}_${p.name}_0`, value as Exclude<Given, undefined>));
      }
      return new Map(
        params.flatMap((p) => (args.has(p.name) ? [[p.name, args.get(p.name) as Argument] as const] : [])),
      );
    });
  }

  private literal(call: Call, p: Param, name: string, value: Exclude<Given, undefined>): Argument {
    if (value instanceof Value || isValues(value)) return value;
    if (typeof value === "object" && "read" in value) return this.weight(value);
    if (typeof value === "object" && "terms" in value) return this.dim(value);
    const dtype = dtypeFor(call, p);
    if (Array.isArray(value) && value.some((d) => typeof d === "object"))
      return this.dims(value as readonly Dim[], call.row, p);
    return this.addConstant(literalValue(this.unique(name), dtype, value as number));
  }

  /** A size as a scalar of the graph: a constant, or computed from the shapes of the inputs. */
  dim(d: Dim): Value {
    const known = this.computed.get(dimText(d));
    if (known) return known;
    const v = this.scopedFresh(() => this.computeDim(d));
    this.computed.set(dimText(d), v);
    return v;
  }

  private scopedFresh<T>(body: () => T): T {
    const outer = this.scopes.splice(0, this.scopes.length, "length");
    try {
      return body();
    } finally {
      this.scopes.splice(0, this.scopes.length, ...outer);
    }
  }

  private computeDim(d: Dim): Value {
    if (typeof d === "number") return this.addConstant(literalValue(this.name(`n${d}`), "int32", d));
    const source = this.inputs.flatMap((v) => {
      const axis = v.type.kind === "tensor" ? v.type.shape.findIndex((x) => equalDims(x, d)) : -1;
      return axis < 0 ? [] : [{ v, axis }];
    })[0];
    if (source) {
      const shape = this.shapeOf(source.v);
      return this.emit("gather", { x: shape, indices: source.axis, axis: 0 })[0] as Value;
    }
    let sum: Value | undefined;
    for (const { atom, factor } of d.terms) {
      if (atom.kind !== "length" && atom.kind !== "product") throw new TypeError(`no input gives ${d.text}`);
      if (d.terms.length === 1 && d.constant === 0 && factor === 1 && atom.kind === "length")
        throw new TypeError(`no input has the length ${d.text}`);
      const base =
        atom.kind === "length"
          ? this.dim(lengthExpr(d, atom))
          : atom.of.map((e) => this.dim(e)).reduce((a, b) => this.emit("mul", { x: a, y: b })[0] as Value);
      const term = factor === 1 ? base : (this.emit("mul", { x: base, y: factor })[0] as Value);
      sum = sum ? (this.emit("add", { x: sum, y: term })[0] as Value) : term;
    }
    return d.constant === 0 ? (sum as Value) : (this.emit("add", { x: sum as Value, y: d.constant })[0] as Value);
  }

  private shapeOf(v: Value): Value {
    const key = `shape(${v.name})`;
    const known = this.computed.get(key);
    if (known) return known;
    const shape = this.emit("shape", { x: v })[0] as Value;
    this.computed.set(key, shape);
    return shape;
  }

  /** A vector of sizes. One open entry is -1 where the row takes that; otherwise open entries are computed. */
  private dims(shape: readonly Dim[], row: Row, p: Param): Value {
    const open = shape.filter((d) => typeof d !== "number");
    const name = this.name(p.name);
    if (row.infersOpenSize === p.name && open.length === 1) {
      return this.addConstant(
        literalValue(
          name,
          "int32",
          shape.map((d) => (typeof d === "number" ? d : -1)),
        ),
      );
    }
    return this.emit("concat", { values: shape.map((d) => this.dim(d)), axis: 0 }, { name })[0] as Value;
  }

  /**
   * A block of a node of its own: nodes made inside `body` go there.
   * @param inputs names and types of what the block is given (`while_loop`)
   */
  block(
    body: (inputs: readonly Value[]) => readonly Value[],
    inputs: readonly Pick<Value, "name" | "type">[] = [],
  ): Block {
    const { nodes } = this;
    const outside = [this.computed, this.weights].map((known) => [known, [...known]] as const);
    const given = inputs.map((v) =>
      this.makeValue(this.unique(v.name), v.type, { content: undefined, constant: undefined }),
    );
    this.nodes = [];
    try {
      const outputs = body(given);
      return { inputs: given, nodes: this.nodes, outputs };
    } finally {
      this.nodes = nodes;
      // Sizes and weights made inside are not seen outside.
      for (const [known, before] of outside) {
        known.clear();
        for (const [key, v] of before) known.set(key, v);
      }
    }
  }

  /**
   * Closes the function. Outputs take the given names; an output that is an input or is listed twice gets an `identity`,
   * and an input that nothing reads a dead one, both of which Core ML wants.
   * @throws ConversionError `name.illegal`, `name.taken` for an output that is called like an input
   */
  finish(name: string, outputs: ReadonlyMap<string, Value>): Func {
    const made: Value[] = [];
    for (const [key, v] of outputs) {
      const isFree = !this.inputs.includes(v) && !made.includes(v) && !v.constant;
      const out = isFree ? v : (this.emit("identity", { x: v }, { name: key })[0] as Value);
      if (out.name !== key) this.rename(out, key);
      made.push(out);
    }
    const all = [...this.allNodes()];
    const used = new Set([
      ...all.flatMap((n) => [...n.inputs.values()].flat()),
      ...all.flatMap((n) => n.blocks.flatMap((b) => b.outputs)),
    ]);
    for (const v of this.inputs) {
      if (!used.has(v) && v.type.kind === "tensor") this.emit("identity", { x: v }, { name: `${v.name}_tmp` });
    }
    return { name, target: this.target, inputs: this.inputs, body: { inputs: [], nodes: this.nodes, outputs: made } };
  }

  /** An output's name is a promise: an inner value that took it first gives way. */
  private rename(v: Value, name: string): void {
    checkName(name);
    if (this.inputs.some((i) => i.name === name)) {
      fail("usage", "name.taken", "is the name of an input and of an output", { path: name });
    }
    const holders = [...this.allNodes()].flatMap((n) => [...n.outputs, ...n.blocks.flatMap((b) => b.inputs)]);
    const other = this.unique(name);
    for (const holder of holders) if (holder.name === name) holder.name = other;
    v.name = name;
  }

  private allNodes(): Iterable<Node> {
    return allNodes({ inputs: [], nodes: this.nodes, outputs: [] });
  }

  /** A scalar constant. */
  scalar(dtype: DType, value: number): Value {
    return this.addConstant(literalValue(this.name("scalar"), dtype, value));
  }
}

/** Names at the boundary are promises to callers, so they are refused rather than mended. */
function checkName(name: string): void {
  if (sanitised(name) === name) return;
  const message = "cannot be the name of an input or output: expected letters, digits and underscores, no digit first";
  fail("usage", "name.illegal", message, { path: name, hint: `${sanitised(name)} can` });
}

const isValues = (v: Given): v is readonly Value[] =>
  Array.isArray(v) && v.length > 0 && v.every((x) => x instanceof Value);
const lengthExpr = (d: Expr, atom: Length): Dim => {
  const found = lengthsOf(d).find((l) => l.name === atom.name) as Length;
  return mulDims(1, {
    terms: [{ atom: found, text: found.name, factor: 1 }],
    constant: 0,
    text: found.name,
    min: found.min,
    max: found.max,
  });
};

export const float32 = (shape: readonly Dim[]): TensorType => tensorType("fp32", shape);
export const int32 = (shape: readonly Dim[]): TensorType => tensorType("int32", shape);
