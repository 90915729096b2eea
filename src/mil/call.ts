import type { DType } from "../tensor/dtype.ts";
import { numbersOf } from "./constants.ts";
import { type Dim, dimsText, equalDims } from "./dim.ts";
import { at, isAtLeast, type Target } from "./opset.ts";
import type { Literal, Param } from "./params.ts";
import { type Argument, argumentValues, type Block, Value } from "./program.ts";
import { paramsOf, type Row } from "./row.ts";
import { type TensorType, typeText } from "./types.ts";
import type { Unifier } from "./unify.ts";

/** Thrown by rows; whoever runs inference turns it into a diagnostic that names the node. */
export class Refusal extends Error {}

/** What a row sees of a node: its arguments with their types, constants read and defaults filled in. */
export class Call {
  readonly row: Row;
  readonly target: Target;
  readonly args: ReadonlyMap<string, Argument>;
  readonly blocks: readonly Block[];
  readonly unifier: Unifier;

  constructor(
    row: Row,
    target: Target,
    args: ReadonlyMap<string, Argument>,
    blocks: readonly Block[],
    unifier: Unifier,
  ) {
    this.row = row;
    this.target = target;
    this.args = args;
    this.blocks = blocks;
    this.unifier = unifier;
  }

  refuse(why: string): never {
    throw new Refusal(why);
  }

  has(name: string): boolean {
    return this.args.has(name);
  }

  value(name: string): Value {
    const arg = this.args.get(name);
    if (arg === undefined) return this.refuse(`parameter '${name}' is missing`);
    return arg instanceof Value ? arg : this.refuse(`parameter '${name}' takes one value, not ${arg.length}`);
  }

  values(name: string): readonly Value[] {
    const arg = this.args.get(name);
    return arg === undefined ? this.refuse(`parameter '${name}' is missing`) : argumentValues(arg);
  }

  type(name: string): TensorType {
    return this.tensorTypeOf(this.value(name), name);
  }

  types(name: string): readonly TensorType[] {
    return this.values(name).map((v) => this.tensorTypeOf(v, name));
  }

  private tensorTypeOf(v: Value, name: string): TensorType {
    const { type } = v;
    if (type.kind !== "tensor") return this.refuse(`parameter '${name}' is ${typeText(type)}, expected a tensor`);
    const shape = type.shape.map((d) => this.unifier.resolve(d));
    return shape.every((d, i) => d === type.shape[i]) ? type : { ...type, shape };
  }

  shape(name: string): readonly Dim[] {
    return this.type(name).shape;
  }

  rank(name: string): number {
    return this.type(name).shape.length;
  }

  dtype(name: string): DType {
    return this.type(name).dtype;
  }

  /** The integers the parameter is known to hold, if they are known; a scalar gives one. */
  content(name: string): readonly Dim[] | undefined {
    if (!this.has(name)) {
      const value = this.defaultOf(name);
      return value === undefined || typeof value === "string" ? undefined : [value].flat().map(Number);
    }
    return this.value(name).content?.map((d) => this.unifier.resolve(d));
  }

  /** A constant's numbers, the default's where it is left out, undefined where it is absent or not constant. */
  numbers(name: string): readonly number[] | undefined {
    if (this.has(name)) return numbersOf(this.value(name));
    const value = this.defaultOf(name);
    return value === undefined || typeof value === "string" ? undefined : [value].flat().map(Number);
  }

  private known(name: string): readonly number[] {
    return this.numbers(name) ?? this.refuse(`parameter '${name}' must be constant`);
  }

  number(name: string): number {
    const [only, ...more] = this.known(name);
    return only === undefined || more.length > 0 ? this.refuse(`parameter '${name}' must be a scalar`) : only;
  }

  flag(name: string): boolean {
    return this.number(name) !== 0;
  }

  /** The constant vector, or undefined when the parameter is absent. */
  optional(name: string): readonly number[] | undefined {
    return this.has(name) || this.defaultOf(name) !== undefined ? this.known(name) : undefined;
  }

  ints(name: string): readonly number[] {
    return this.known(name);
  }

  word(name: string): string {
    if (!this.has(name)) return String(this.defaultOf(name) ?? this.refuse(`parameter '${name}' is missing`));
    const { constant } = this.value(name);
    return constant?.kind === "strings" && constant.values[0] !== undefined
      ? constant.values[0]
      : this.refuse(`parameter '${name}' must be a constant string`);
  }

  param(name: string): Param {
    return (
      paramsOf(this.row).find((p) => p.name === name) ?? this.refuse(`${this.row.name} has no parameter '${name}'`)
    );
  }

  /** What a left-out parameter means (one that a later target brings means its default too); undefined: absent. */
  defaultOf(name: string): Literal | undefined {
    const p = this.param(name);
    const value = typeof p.default === "function" ? p.default(this) : p.default;
    return value ?? undefined;
  }

  /** An axis of a tensor of rank `rank`, negatives counted from the end. */
  axis(name: string, rank: number): number {
    return this.axisOf(this.number(name), rank);
  }

  axisOf(axis: number, rank: number): number {
    return axis >= -rank && axis < rank && Number.isInteger(axis)
      ? (axis + rank) % rank
      : this.refuse(`axis ${axis} of rank ${rank}`);
  }

  /** The common size, or a refusal that says what the two are. */
  unify(a: Dim, b: Dim, what: string): Dim {
    return this.unifier.equal(a, b) ?? this.refuse(`${what} differ: ${dimsText([a])} and ${dimsText([b])}`);
  }

  /** NumPy broadcasting. */
  broadcast(a: readonly Dim[], b: readonly Dim[]): readonly Dim[] {
    const rank = Math.max(a.length, b.length);
    const dim = (s: readonly Dim[], i: number): Dim => s[s.length - rank + i] ?? 1;
    return Array.from({ length: rank }, (_, i) => {
      const [x, y] = [dim(a, i), dim(b, i)];
      if (y === 1) return x;
      if (x === 1) return y;
      return this.unifier.equal(x, y) ?? this.refuse(`${dimsText(a)} does not broadcast with ${dimsText(b)}`);
    });
  }

  /** Whether `given` broadcasts to `shape` and leaves it as it is. */
  broadcastsTo(given: readonly Dim[], shape: readonly Dim[]): boolean {
    const wide = this.broadcast(shape, given);
    const { resolve } = this.unifier;
    return wide.length === shape.length && wide.every((d, i) => equalDims(resolve(d), resolve(shape[i] as Dim)));
  }
}

export const isIn = (p: Param, target: Target): boolean =>
  (!p.since || isAtLeast(target, p.since)) && (!p.until || !isAtLeast(target, p.until));

/**
 * Checks that no parameter is missing or unknown, that each has a dtype of its domain and that the domains agree.
 * @throws Refusal
 */
export function checkArguments(call: Call): void {
  const { row, target, args } = call;
  if (row.since && !isAtLeast(target, row.since))
    call.refuse(`${row.name} needs ${row.since}, the program targets ${target}`);
  const params = paramsOf(row).filter((p) => isIn(p, target));
  for (const name of args.keys()) {
    if (!params.some((p) => p.name === name)) call.refuse(`${row.name} has no parameter '${name}' at ${target}`);
  }
  const bound = new Map<string, { readonly dtype: DType; readonly by: string }>();
  for (const p of params) {
    const arg = args.get(p.name);
    if (arg === undefined) {
      if (p.default === undefined) call.refuse(`parameter '${p.name}' is missing`);
      continue;
    }
    for (const v of argumentValues(arg)) checkArgument(call, p, v, bound);
  }
}

function checkArgument(
  call: Call,
  p: Param,
  v: Value,
  bound: Map<string, { readonly dtype: DType; readonly by: string }>,
): void {
  if (v.type.kind !== "tensor") return;
  if (p.binding === "const" && p.form !== "tensor" && !v.constant)
    call.refuse(`parameter '${p.name}' must be constant`);
  const { dtype, shape } = v.type;
  const domain = at(p.dtypes, call.target) ?? [];
  const allowed = typeof domain === "string" ? (at(call.row.domains?.[domain] ?? [], call.target) ?? []) : domain;
  if (allowed.length > 0 && !allowed.includes(dtype)) {
    call.refuse(`parameter '${p.name}' is ${dtype}, expected ${allowed.join(" or ")}`);
  }
  if (p.form === "scalar" && shape.length !== 0)
    call.refuse(`parameter '${p.name}' must be a scalar, not of shape ${dimsText(shape)}`);
  if (p.form === "vector" && shape.length !== 1)
    call.refuse(`parameter '${p.name}' must be a vector, not of shape ${dimsText(shape)}`);
  if (typeof domain !== "string") return;
  const first = bound.get(domain);
  if (first && first.dtype !== dtype)
    call.refuse(`parameter '${p.name}' is ${dtype} but '${first.by}' is ${first.dtype}`);
  bound.set(domain, { dtype, by: p.name });
}

/** The dtype a left-out or literal parameter takes: that of the others of its domain, else the widest float allowed. */
export function dtypeFor(call: Call, p: Param): DType {
  const domain = at(p.dtypes, call.target) ?? [];
  if (typeof domain !== "string") return domain[0] ?? call.refuse(`parameter '${p.name}' has no dtype`);
  for (const other of paramsOf(call.row)) {
    const arg = call.args.get(other.name);
    if (arg === undefined || at(other.dtypes, call.target) !== domain) continue;
    const [v] = argumentValues(arg);
    if (v?.type.kind === "tensor") return v.type.dtype;
  }
  const allowed = at(call.row.domains?.[domain] ?? [], call.target) ?? [];
  return allowed.includes("fp32") ? "fp32" : (allowed[0] ?? call.refuse(`domain ${domain} is empty`));
}
