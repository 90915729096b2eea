import { existsSync } from "node:fs";
import { join } from "node:path";
import { architectures } from "./architectures/index.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { packageSize } from "./coreml/package-size.ts";
import { type OpenPackage, readPackage } from "./coreml/read-package.ts";
import { type Diagnostic, fail } from "./diagnostics.ts";
import type { Interface } from "./mil/interface.ts";
import { ops } from "./mil/ops/index.ts";
import { specificationVersionOf, type Target } from "./mil/opset.ts";
import { print } from "./mil/print.ts";
import { allNodes, type Func } from "./mil/program.ts";
import { findSource, type SourceOptions } from "./model-source.ts";
import type { TaskId } from "./plan.ts";
import { supportedTasks } from "./planning/make-plan.ts";
import { byteLength, type DType, elementCount } from "./tensor/dtype.ts";
import type { LazyTensor } from "./tensor/tensor.ts";

/** Tensors by the type of their elements. */
export type TensorTotals = Readonly<Partial<Record<DType, { readonly tensors: number; readonly bytes: number }>>>;

/** One function of a package: what a caller sees, and how often each operation stands in it, the most frequent first. */
export interface FunctionInspection extends Interface {
  readonly name: string;
  readonly ops: Readonly<Record<string, number>>;
}

export interface PackageInspection {
  readonly kind: "package";
  readonly target: Target;
  readonly specificationVersion: number;
  readonly functions: readonly FunctionInspection[];
  readonly defaultFunction: string;
  /** Tensors of the weight file. */
  readonly weights: TensorTotals;
  /** Of all files. */
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly userDefined: Readonly<Record<string, string>>;
}

export interface CheckpointInspection {
  readonly kind: "checkpoint";
  readonly name: string;
  /** The commit on the Hub; null for a folder. */
  readonly revision: string | null;
  /** `model_type` of config.json; null when it names none. */
  readonly modelType: string | null;
  /** Classes that config.json names. */
  readonly architectures: readonly string[];
  /** Tasks it can be converted for; null when the model type is not supported. */
  readonly tasks: readonly TaskId[] | null;
  readonly weights: TensorTotals;
  readonly parameters: number;
  /** Of all tensors. */
  readonly bytes: number;
  readonly diagnostics: readonly Diagnostic[];
}

export type Inspection = PackageInspection | CheckpointInspection;

/**
 * What an ML Program package or a checkpoint holds. Reads no weights: of a model on the Hub the small files and the
 * headers of the weight files are fetched.
 * @param of the path of a package or of the folder of a checkpoint, or the id of a model on the Hub
 * @throws ConversionError when it is none of these, or cannot be read
 */
export async function inspect(of: string, options: SourceOptions = {}): Promise<Inspection> {
  if (existsSync(join(of, "Manifest.json")) || /\.(mlpackage|mlmodel)$/.test(of)) return inspectPackage(of);
  if (existsSync(of) && !existsSync(join(of, "config.json"))) {
    const hint = "expected a .mlpackage, or the folder of a checkpoint";
    fail("unreadable", "inspect.kind", "holds no Manifest.json and no config.json", { path: of, hint });
  }
  const source = await findSource(of, options);
  const checkpoint = await source.outline();
  try {
    return inspectCheckpoint(checkpoint, source.diagnostics);
  } finally {
    checkpoint.close();
  }
}

/** The program of a package as text. @throws ConversionError when it cannot be read */
export function programText(path: string): string {
  using model = readPackage(path, ops);
  return print(model.program);
}

function inspectPackage(path: string): PackageInspection {
  using model = readPackage(path, ops);
  const { userDefined, ...metadata } = model.metadata;
  return {
    kind: "package",
    target: model.target,
    specificationVersion: specificationVersionOf(model.target),
    functions: [...model.program.functions.values()].map((f) => inspectFunction(f, model)),
    defaultFunction: model.defaultFunction,
    ...packageSize(path),
    metadata,
    userDefined: Object.fromEntries(userDefined),
  };
}

function inspectFunction(func: Func, { interfaces }: OpenPackage): FunctionInspection {
  const counts = new Map<string, number>();
  for (const { op } of allNodes(func.body)) {
    if (op !== "const") counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return { name: func.name, ...(interfaces.get(func.name) as Interface), ops: Object.fromEntries(sorted) };
}

function inspectCheckpoint(checkpoint: Checkpoint, diagnostics: readonly Diagnostic[]): CheckpointInspection {
  const { model_type: modelType, architectures: classes } = checkpoint.config;
  const known = architectures.find((a) => a.modelType === modelType);
  const tensors = checkpoint.tensors.names().map((name) => checkpoint.tensors.get(name) as LazyTensor);
  const weights = totals(tensors);
  return {
    kind: "checkpoint",
    name: checkpoint.name,
    revision: checkpoint.revision ?? null,
    modelType: typeof modelType === "string" ? modelType : null,
    architectures: Array.isArray(classes) ? classes.filter((c): c is string => typeof c === "string") : [],
    tasks: known ? supportedTasks(known) : null,
    weights,
    parameters: tensors.reduce((sum, t) => sum + elementCount(t.shape), 0),
    bytes: Object.values(weights).reduce((sum, w) => sum + w.bytes, 0),
    diagnostics: [...diagnostics, ...checkpoint.diagnostics],
  };
}

function totals(tensors: readonly LazyTensor[]): TensorTotals {
  const sums: Partial<Record<DType, { tensors: number; bytes: number }>> = {};
  for (const { dtype, shape } of tensors) {
    const sum = sums[dtype] ?? { tensors: 0, bytes: 0 };
    sums[dtype] = { tensors: sum.tensors + 1, bytes: sum.bytes + byteLength(dtype, elementCount(shape)) };
  }
  return sums;
}
