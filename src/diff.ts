import { realpathSync } from "node:fs";
import { basename, relative, sep } from "node:path";
import type { Model } from "./coreml/package.ts";
import { type OpenPackage, readPackage } from "./coreml/read-package.ts";
import { ConversionError } from "./diagnostics.ts";
import { compareWeights } from "./diff/compare-weights.ts";
import type { ComparedPackage, FileDifference, FunctionDifference, PackageDifference } from "./diff/difference.ts";
import { compareFeatures, compareLabels } from "./diff/features.ts";
import { compareFiles } from "./diff/files.ts";
import { compareOperations, countOperations, sideOf } from "./diff/operations.ts";
import { Pace } from "./diff/pace.ts";
import { compareProperties } from "./diff/properties.ts";
import type { SamePlace } from "./diff/same-bytes.ts";
import { verdictOf } from "./diff/summary.ts";
import { type Weight, weightsOf } from "./diff/weights.ts";
import { ops } from "./mil/ops/index.ts";
import { specificationVersionOf } from "./mil/opset.ts";
import type { Progress } from "./progress.ts";
import { VERSION } from "./version.ts";

export interface DiffOptions {
  readonly signal?: AbortSignal;
  /** Told, in bytes, how much of the weights that differ is compared. */
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Compares two ML Program packages: interface, target, metadata, operations, weights by name and by decoded value, and
 * files. `a` is what `b` is measured against: of a float package and a compressed one, the float one is `a`. Memory does
 * not grow with the weights.
 * @throws ConversionError when one of them, or both, cannot be read; what `signal` was aborted with
 */
export async function diff(a: string, b: string, options: DiffOptions = {}): Promise<PackageDifference> {
  options.signal?.throwIfAborted();
  const [packageA, packageB] = openBoth(a, b);
  try {
    const pace = new Pace(basename(b), options);
    const files = await compareFiles(a, b, pace);
    const functions = pairFunctions(packageA, packageB);
    const { difference: weights, counterparts } = await compareWeights(
      functions.map((f) => ({ name: f.name, a: f.a?.weights, b: f.b?.weights })),
      samePlace(a, b, files),
      pace,
    );
    const found = {
      functions: functions.map((f) => compareFunction(f, counterparts.get(f.name) ?? new Map())),
      properties: compareProperties(packageA, packageB),
      weights,
      files,
    };
    return {
      schemaVersion: 1,
      tool: { name: "coreml-export", version: VERSION },
      a: describe(packageA, files, "a"),
      b: describe(packageB, files, "b"),
      verdict: verdictOf(found),
      ...found,
    };
  } finally {
    packageA.close();
    packageB.close();
  }
}

/** @throws ConversionError that tells which of the two cannot be read, or that neither can */
function openBoth(a: string, b: string): readonly [OpenPackage, OpenPackage] {
  const opened: OpenPackage[] = [];
  const errors: ConversionError[] = [];
  for (const [path, which] of [[a, "first"] as const, [b, "second"] as const]) {
    try {
      opened.push(readPackage(path, ops));
    } catch (cause) {
      if (!(cause instanceof ConversionError)) throw cause;
      const told = cause.diagnostics.map((d) => ({
        ...d,
        path: d.path ?? path,
        message: `${which} package: ${d.message}`,
      }));
      errors.push(new ConversionError(cause.kind, told, { cause }));
    }
  }
  const [first, ...more] = errors;
  if (first) {
    for (const each of opened) each.close();
    throw new ConversionError(
      first.kind,
      [first, ...more].flatMap((e) => e.diagnostics),
      { cause: first },
    );
  }
  return opened as [OpenPackage, OpenPackage];
}

/** Blobs at one offset of weight files that are the same. */
function samePlace(a: string, b: string, files: readonly FileDifference[]): SamePlace {
  const identical = new Set(files.filter((f) => f.identical).map((f) => f.path));
  const [rootA, rootB] = [realpathSync(a), realpathSync(b)];
  const inPackage = (root: string, path: string): string => relative(root, path).split(sep).join("/");
  return (x, y) => {
    if (!x.at || !y.at || x.at.offset !== y.at.offset) return false;
    const place = inPackage(rootA, x.at.path);
    return place === inPackage(rootB, y.at.path) && identical.has(place);
  };
}

type FunctionSide = ReturnType<typeof sideOf> & {
  readonly interface: Model["interfaces"] extends ReadonlyMap<string, infer I> ? I | undefined : never;
};

interface FunctionPairing {
  readonly name: string;
  readonly nameInB?: string;
  readonly a: FunctionSide | undefined;
  readonly b: FunctionSide | undefined;
}

/** Functions by name; the only one of each package whatever they are called. */
function pairFunctions(a: Model, b: Model): readonly FunctionPairing[] {
  const [inA, inB] = [sidesOf(a), sidesOf(b)];
  const [[onlyA = "", onlyB = ""], isSingle] = [[...inA.keys(), ...inB.keys()], inA.size === 1 && inB.size === 1];
  if (isSingle && onlyA !== onlyB) return [{ name: onlyA, nameInB: onlyB, a: inA.get(onlyA), b: inB.get(onlyB) }];
  const names = [...new Set([...inA.keys(), ...inB.keys()])];
  return names.map((name) => ({ name, a: inA.get(name), b: inB.get(name) }));
}

function sidesOf({ program, interfaces }: Model): ReadonlyMap<string, FunctionSide> {
  return new Map(
    [...program.functions].map(([name, func]) => [
      name,
      { ...sideOf(func, weightsOf(func, ops)), interface: interfaces.get(name) },
    ]),
  );
}

function compareFunction(
  { name, nameInB, a, b }: FunctionPairing,
  counterpart: ReadonlyMap<Weight, Weight>,
): FunctionDifference {
  const features = a && b ? compareFeatures(a.interface, b.interface) : [];
  const labels = a && b ? compareLabels(a.func, b.func) : null;
  const lone = (a ?? b) as FunctionSide;
  const operations = a && b ? compareOperations(a, b, counterpart, ops) : countOperations(lone, a === undefined);
  const { added, removed, changed } = operations;
  const isSame = features.length + added.length + removed.length + changed.length === 0 && !labels && !nameInB;
  const change = !a ? "added" : !b ? "removed" : isSame ? "same" : "changed";
  return { name, ...(nameInB === undefined ? {} : { nameInB }), change, features, labels, operations };
}

const describe = (model: OpenPackage, files: readonly FileDifference[], side: "a" | "b"): ComparedPackage => ({
  path: model.path,
  target: model.target,
  specificationVersion: specificationVersionOf(model.target),
  bytes: files.reduce((sum, f) => sum + (f[side] ?? 0), 0),
});
