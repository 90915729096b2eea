import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Model } from "../../src/coreml/package.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import { float32 } from "../../src/mil/builder.ts";
import type { Interface } from "../../src/mil/interface.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Func, Value } from "../../src/mil/program.ts";
import { elementCount } from "../../src/tensor/dtype.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { Graph } from "../mil/graph.ts";
import { describedBy } from "../run/packages.ts";

const folder = mkdtempSync(join(tmpdir(), "diff-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let written = 0;

/** A path inside the folder of the running file's tests. */
export const pathOf = (name: string): string => join(folder, name);

/** Writes functions as a package; the interface of each is that of its values unless another is given. */
export async function packageOf(
  funcs: Readonly<Record<string, Func>>,
  { interfaces = {}, ...more }: Partial<Omit<Model, "interfaces">> & { interfaces?: Record<string, Interface> } = {},
): Promise<string> {
  const entries = Object.entries(funcs);
  const [[first, func]] = entries as [[string, Func]];
  const path = pathOf(`${written++}.mlpackage`);
  const model: Model = {
    target: func.target,
    program: { functions: new Map(entries.map(([name, f]) => [name, { ...f, name }])) },
    interfaces: new Map(entries.map(([name, f]) => [name, interfaces[name] ?? describedBy(f)])),
    defaultFunction: first,
    multifunction: entries.length > 1,
    metadata: { userDefined: new Map() },
    ...more,
  };
  await writePackage(path, model, ops);
  return path;
}

export const weight = (
  name: string,
  shape: readonly number[],
  value: (i: number) => number,
  dtype: "fp32" | "fp16" = "fp32",
): LazyTensor =>
  tensorOf(
    dtype,
    shape,
    Float64Array.from({ length: elementCount(shape) }, (_, i) => value(i)),
    name,
  );

/** Values that no two positions share, of order 1, and that halves do not hold. */
export const varied =
  (seed: number) =>
  (i: number): number =>
    Math.sin(1 + i + 97 * seed);

/** Width of the layers below. */
export const WIDTH = 16;

/** How a stack of layers may be unlike another one. */
export interface Stack {
  readonly target?: "iOS16" | "iOS17" | "iOS18";
  /** Names of values, by their number. */
  readonly nameOf?: (i: number) => string;
  /** Puts something after the activation of a layer. */
  readonly after?: (g: Graph, x: Value, layer: number) => Value;
  readonly weightName?: (layer: number) => string;
  readonly value?: (layer: number) => (i: number) => number;
  readonly activation?: (layer: number) => "relu" | "sigmoid";
  readonly layers?: readonly number[];
}

/** matmul and relu, layer after layer, values numbered in order as exporters do. */
export function stack({
  target = "iOS16",
  nameOf = (i) => `var_${i}`,
  after = (_, x) => x,
  weightName = (layer) => `layer_${layer}_weight`,
  value = varied,
  activation = () => "relu",
  layers = [0, 1, 2, 3],
}: Stack = {}): Func {
  const g = new Graph(target);
  let count = 0;
  let x: Value = g.input("x", float32([1, WIDTH]));
  for (const layer of layers) {
    const w = g.weight(weight(weightName(layer), [WIDTH, WIDTH], value(layer)), weightName(layer));
    x = g.op("matmul", { x, y: w }, nameOf(count++));
    x = g.op(activation(layer), { x }, nameOf(count++));
    x = after(g, x, layer);
  }
  return g.end({ y: x });
}
