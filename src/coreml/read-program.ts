import { fail } from "../diagnostics.ts";
import { contentOf } from "../mil/constants.ts";
import { type Dim, dimsText } from "../mil/dim.ts";
import { boundsOf, type Feature, type Interface } from "../mil/interface.ts";
import { type Target, targetOfOpset } from "../mil/opset.ts";
import { type Argument, type Block, type Func, type Node, type Program, Value } from "../mil/program.ts";
import type { Unifier } from "../mil/unify.ts";
import type { DType } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { readConstant, readType } from "./value-wire.ts";
import {
  integer,
  type WireBlock,
  type WireFunction,
  type WireNamedType,
  type WireOperation,
  type WireProgram,
  type WireValue,
} from "./wire.ts";

/** How deep blocks may nest: real programs stay at a handful. */
const MAX_DEPTH = 32;

/** A tensor of a weight file, which the program names. */
type Blob = (file: string, offset: number, dtype: DType, shape: readonly number[]) => LazyTensor;

/** What one reading shares: where blobs are, and names for open dimensions. */
interface Reading {
  readonly blob: Blob;
  readonly unifier: Unifier;
  readonly where: string;
}

/**
 * The graph of a program as it stands on the wire, types as declared; `verify` then infers them anew.
 * @throws ConversionError `package.*`, naming function and node
 */
export function readProgram(wire: WireProgram, interfaces: ReadonlyMap<string, Interface>, reading: Reading): Program {
  const { where } = reading;
  if (integer(wire.version) !== 1)
    fail("unreadable", "package.program", `program version ${integer(wire.version)}, expected 1`, { path: where });
  const functions = Object.entries(wire.functions ?? {}).map(([name, f]) => {
    const i =
      interfaces.get(name) ??
      fail("unreadable", "package.program", `function '${name}' has no description`, { path: where });
    return [name, readFunction(name, f, i, reading)] as const;
  });
  if (functions.length === 0) fail("unreadable", "package.program", "no function", { path: where });
  const info = wire.attributes?.buildInfo?.immediateValue?.dictionary?.values;
  const text = (v: WireValue | undefined): string => v?.immediateValue?.tensor?.strings?.values?.[0] ?? "";
  return {
    functions: new Map(functions),
    ...(info ? { buildInfo: new Map(info.map(({ key, value }) => [text(key), text(value)])) } : {}),
  };
}

function readFunction(name: string, wire: WireFunction, described: Interface, reading: Reading): Func {
  const where = `${reading.where}: ${name}`;
  const opset = wire.opset ?? "";
  const target = targetOfOpset(opset);
  const body =
    wire.blockSpecializations?.[opset] ??
    fail("unreadable", "package.program", `no block for opset ${opset}`, { path: where });
  const features = new Map<string, Feature>([...described.inputs, ...described.states].map((f) => [f.name, f]));
  const scope = new Map<string, Value>();
  const inputs = (wire.inputs ?? []).map((i) => {
    const feature =
      features.get(i.name ?? "") ??
      fail("unreadable", "package.interface", `input '${i.name ?? ""}' has no description`, { path: where });
    const value = readValue(i, (axis) => openInput(feature, axis, reading.unifier), where);
    refuseMisfit(feature, value, where);
    return define(scope, value);
  });
  const block = readBlock(body, scope, { ...reading, where }, target, 0);
  const absent = (names: Iterable<string>, values: readonly Value[], kind: string): void => {
    for (const described of names) {
      if (!values.some((v) => v.name === described))
        fail("unreadable", "package.interface", `the function has no ${kind} '${described}'`, { path: where });
    }
  };
  absent(features.keys(), inputs, "input");
  absent(
    described.outputs.map((f) => f.name),
    block.outputs,
    "output",
  );
  return { name, target, inputs, body: block };
}

/** What a caller is told to give must be what the function takes. */
function refuseMisfit(feature: Feature, { name, type }: Value, where: string): void {
  const told = shapeOf(feature);
  const of = type.kind === "state" ? type.of : type;
  if (!told || of.kind !== "tensor") return;
  const fits = told.length === of.shape.length && of.shape.every((d, i) => typeof d !== "number" || d === told[i]);
  if (fits) return;
  const message = `input '${name}' is described as [${told.join(", ")}], the function takes ${dimsText(of.shape)}`;
  fail("unreadable", "package.interface", message, { path: where });
}

/** The default shape of an input, undefined where the description has none. */
function shapeOf(f: Feature): readonly number[] | undefined {
  if (f.kind === "tensor" || f.kind === "state") return f.shape;
  return f.kind === "image" ? [1, f.colorSpace.startsWith("GRAYSCALE") ? 1 : 3, f.height, f.width] : undefined;
}

/** An open dimension of an input: named after it, bounded by its description. */
function openInput(feature: Feature, axis: number, unifier: Unifier): Dim {
  const flexible =
    feature.kind === "tensor" || feature.kind === "image" ? feature.flexibility : ({ kind: "fixed" } as const);
  const spatial = feature.kind === "image" ? axis - 2 : axis;
  const [min, max] = boundsOf(flexible, spatial) ?? [1, Number.POSITIVE_INFINITY];
  return unifier.fresh(`${feature.name}.${axis}`, min, max);
}

function readValue(wire: WireNamedType, fresh: (axis: number) => Dim, where: string): Value {
  const name = wire.name ?? "";
  return new Value(name, readType(wire.type, fresh, `${where}: ${name}`));
}

function define(scope: Map<string, Value>, v: Value): Value {
  scope.set(v.name, v);
  return v;
}

function readBlock(
  wire: WireBlock,
  outer: ReadonlyMap<string, Value>,
  reading: Reading,
  target: Target,
  depth: number,
): Block {
  if (depth > MAX_DEPTH)
    fail("unreadable", "package.program", `blocks nest deeper than ${MAX_DEPTH}`, { path: reading.where });
  const scope = depth === 0 ? (outer as Map<string, Value>) : new Map(outer);
  const open = (): Dim => reading.unifier.fresh("size", 0, Number.POSITIVE_INFINITY);
  const inputs = (wire.inputs ?? []).map((i) => define(scope, readValue(i, open, reading.where)));
  const nodes = (wire.operations ?? []).map((o) => readNode(o, scope, reading, target, depth));
  const outputs = (wire.outputs ?? []).map((name) => find(scope, name, reading.where));
  return { inputs, nodes, outputs };
}

function find(scope: ReadonlyMap<string, Value>, name: string, where: string): Value {
  return (
    scope.get(name) ?? fail("unreadable", "package.program", `'${name}' is used before it is defined`, { path: where })
  );
}

function readNode(
  wire: WireOperation,
  scope: Map<string, Value>,
  reading: Reading,
  target: Target,
  depth: number,
): Node {
  const op = wire.type ?? "";
  const first = wire.outputs?.[0]?.name;
  const name = wire.attributes?.name?.immediateValue?.tensor?.strings?.values?.[0] ?? first ?? op;
  const where = `${reading.where}: ${name}`;
  const open = (): Dim => reading.unifier.fresh("size", 0, Number.POSITIVE_INFINITY);
  if (op === "const") {
    const declared =
      wire.outputs?.[0] ?? fail("unreadable", "package.value", "a const without a result", { path: where });
    const value =
      wire.attributes?.val ?? fail("unreadable", "package.value", "a const without a value", { path: where });
    const v = constant(declared.name ?? "", value, declared, reading, where, false);
    return { op, name, inputs: new Map(), outputs: [define(scope, v)], blocks: [] };
  }
  const inputs = new Map<string, Argument>();
  for (const [key, { arguments: bindings = [] }] of Object.entries(wire.inputs ?? {})) {
    const values = bindings.map(({ name: bound, value }, i) =>
      value
        ? constant(`${name}.${key}${bindings.length > 1 ? `.${i}` : ""}`, value, undefined, reading, where, true)
        : find(scope, bound ?? "", where),
    );
    inputs.set(key, values.length === 1 ? (values[0] as Value) : values);
  }
  // Below iOS18 the constexpr ops carry their parameters as attributes.
  for (const [key, value] of Object.entries(wire.attributes ?? {})) {
    if (key !== "name") inputs.set(key, constant(`${name}.${key}`, value, undefined, reading, where, true));
  }
  const blocks = (wire.blocks ?? []).map((b) => readBlock(b, scope, { ...reading, where }, target, depth + 1));
  const outputs = (wire.outputs ?? []).map((o) => define(scope, readValue(o, open, where)));
  return { op, name, inputs, outputs, blocks };
}

function constant(
  name: string,
  wire: WireValue,
  declared: WireNamedType | undefined,
  reading: Reading,
  where: string,
  literal: boolean,
): Value {
  const unknown = (): never => fail("unreadable", "package.value", "a constant of unknown shape", { path: where });
  const type = readType(declared?.type ?? wire.type, unknown, where);
  const held = readConstant(wire, type, reading.blob, where);
  return new Value(name, type, {
    constant: held,
    literal,
    content: held.kind === "tensor" && type.kind === "tensor" ? contentOf(held.data) : undefined,
  });
}
