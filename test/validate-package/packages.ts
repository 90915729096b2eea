import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import type { Interface } from "../../src/mil/interface.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { type Argument, allNodes, argumentValues, type Func, type Node, Value } from "../../src/mil/program.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import { seeded } from "../fixtures/case.ts";

interface PackageEntry {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly preprocessor?: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

const root = fileURLToPath(new URL("../../fixtures/exporters/", import.meta.url));
const entries: readonly PackageEntry[] = JSON.parse(readFileSync(join(root, "packages.json"), "utf8"));

export const packageNames: readonly string[] = entries.map((e) => e.name);
export const packagePath = (name: string): string => join(root, `${name}.mlpackage`);

export interface CheckpointChanges {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly preprocessor?: Readonly<Record<string, unknown>>;
  /** Values of another model. */
  readonly other?: boolean;
}

/** Writes the checkpoint that a package was made from. @returns its folder */
export function writeCheckpoint(name: string, folder: string, changes: CheckpointChanges = {}): string {
  const entry = entries.find((e) => e.name === name);
  if (!entry) throw new RangeError(`no package ${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...entry.config, ...changes.config }));
  const preprocessor = changes.preprocessor ?? entry.preprocessor;
  if (preprocessor) writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(preprocessor));
  const tensors = Object.entries(entry.tensors).map(([key, shape]) => {
    const values = seeded(changes.other ? `other/${key}` : key, shape);
    return [key, tensorOf("fp32", shape, values, key)] as const;
  });
  writeSafetensors(join(folder, "model.safetensors"), new Map(tensors));
  return folder;
}

export interface PackageChanges {
  readonly func?: (func: Func) => Func;
  readonly interface?: (described: Interface) => Interface;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Writes a package again with something in it changed. */
export async function rewritten(from: string, to: string, changes: PackageChanges): Promise<string> {
  using model = readPackage(from, ops);
  const { func = (f) => f, interface: described = (i) => i, metadata = {} } = changes;
  await writePackage(
    to,
    {
      ...model,
      program: { ...model.program, functions: new Map([...model.program.functions].map(([k, f]) => [k, func(f)])) },
      interfaces: new Map([...model.interfaces].map(([k, i]) => [k, described(i)])),
      metadata: {
        ...model.metadata,
        userDefined: new Map([...model.metadata.userDefined, ...Object.entries(metadata)]),
      },
    },
    ops,
  );
  return to;
}

/** The function with constants of matching names given other values. */
export const withConstants =
  (names: RegExp, change: (values: number[], shape: readonly number[]) => number[]) =>
  (func: Func): Func => {
    let changed = 0;
    const result = mapValues(func, (value) => {
      const { constant, type } = value;
      if (constant?.kind !== "tensor" || !names.test(value.name) || type.kind !== "tensor") return value;
      changed++;
      const { dtype, shape } = constant.data;
      const values = change(Array.from(valuesOf(constant.data), Number), shape);
      return new Value(value.name, type, {
        constant: { ...constant, data: tensorOf(dtype, shape, values, `${value.name} changed`) },
        literal: value.literal,
      });
    });
    if (changed === 0) throw new RangeError(`no constant is called ${names}: ${constantNames(func).join(", ")}`);
    return result;
  };

/** The function with a number given to every operation that takes a parameter of that name. */
export const withParameter =
  (parameter: string, number: number) =>
  (func: Func): Func => {
    const nodes = func.body.nodes.map((n): Node => {
      const value = n.inputs.get(parameter);
      if (!(value instanceof Value) || value.constant?.kind !== "tensor") return n;
      const { data } = value.constant;
      const constant = {
        ...value.constant,
        data: tensorOf(data.dtype, data.shape, [number], `${n.name} ${parameter}`),
      };
      const changed = new Value(value.name, value.type, { constant, literal: true });
      return { ...n, inputs: new Map(n.inputs).set(parameter, changed) };
    });
    if (nodes.every((n, i) => n === func.body.nodes[i])) throw new RangeError(`no operation has ${parameter}`);
    return { ...func, body: { ...func.body, nodes } };
  };

export const constantNames = (func: Func): string[] =>
  [...allNodes(func.body)].flatMap((n) => (n.op === "const" ? n.outputs.map((v) => v.name) : []));

/** The function with a classifier's labels changed. */
export const withLabels =
  (change: (labels: readonly string[]) => readonly string[]) =>
  (func: Func): Func =>
    mapValues(func, (value) => {
      const { constant } = value;
      if (constant?.kind !== "strings" || value.type.kind !== "list") return value;
      return new Value(value.name, value.type, {
        constant: { ...constant, values: change(constant.values) },
        literal: value.literal,
      });
    });

/** The function without nodes of an operation: what they computed is their input as it was. */
export const withoutOps =
  (op: string) =>
  (func: Func): Func => {
    const skipped = new Map<Value, Value>();
    const kept = func.body.nodes.filter((n) => {
      const [x] = argumentValues(n.inputs.get("x") ?? []);
      const [y] = n.outputs;
      if (n.op !== op || !x || !y) return true;
      // The input takes the name of what is gone where that is an output.
      const source = skipped.get(x) ?? x;
      if (func.body.outputs.includes(y)) source.name = y.name;
      skipped.set(y, source);
      return false;
    });
    if (skipped.size === 0) throw new RangeError(`there is no ${op}`);
    return mapValues({ ...func, body: { ...func.body, nodes: kept } }, (v) => skipped.get(v) ?? v);
  };

function mapValues(func: Func, change: (value: Value) => Value): Func {
  const made = new Map<Value, Value>();
  const of = (v: Value): Value => {
    const known = made.get(v) ?? change(v);
    made.set(v, known);
    return known;
  };
  const argument = (a: Argument): Argument => (a instanceof Value ? of(a) : a.map(of));
  const node = (n: Node): Node => ({
    ...n,
    inputs: new Map([...n.inputs].map(([k, a]) => [k, argument(a)])),
    outputs: n.outputs.map(of),
  });
  const { nodes, outputs, inputs } = func.body;
  return { ...func, body: { inputs, nodes: nodes.map(node), outputs: outputs.map(of) } };
}
