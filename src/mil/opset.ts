import { fail } from "../diagnostics.ts";

/**
 * Deployment targets, lowest first. A package's specification version and its functions' opset follow from the target.
 * https://github.com/apple/coremltools/blob/9.0/coremltools/__init__.py
 */
export const targets = ["iOS15", "iOS16", "iOS17", "iOS18", "iOS26"] as const;
export type Target = (typeof targets)[number];

const wire: Record<Target, { readonly specificationVersion: number; readonly opset: string }> = {
  iOS15: { specificationVersion: 6, opset: "CoreML5" },
  iOS16: { specificationVersion: 7, opset: "CoreML6" },
  iOS17: { specificationVersion: 8, opset: "CoreML7" },
  iOS18: { specificationVersion: 9, opset: "CoreML8" },
  iOS26: { specificationVersion: 10, opset: "CoreML9" },
};

export const specificationVersionOf = (target: Target): number => wire[target].specificationVersion;
export const opsetOf = (target: Target): string => wire[target].opset;

/** @throws ConversionError `package.opset` for an opset this program does not know. */
export function targetOfOpset(opset: string): Target {
  const target = targets.find((t) => wire[t].opset === opset);
  return (
    target ??
    fail("unsupported", "package.opset", `opset '${opset}' is unknown`, {
      hint: `known: ${targets.map(opsetOf).join(", ")}`,
    })
  );
}

export const isAtLeast = (target: Target, since: Target): boolean => targets.indexOf(target) >= targets.indexOf(since);
export const highest = (a: Target, b: Target): Target => (isAtLeast(a, b) ? a : b);

/** A thing that changes with the target: one value, or the value from each target on. */
export type Versioned<T> = T | Partial<Record<Target, T>>;

const isVersioned = <T>(v: Versioned<T>): v is Partial<Record<Target, T>> =>
  typeof v === "object" && v !== null && targets.some((t) => t in (v as object));

/** The value in force at `target`: that of the greatest target not above it. */
export function at<T>(v: Versioned<T>, target: Target): T | undefined {
  if (!isVersioned(v)) return v;
  for (let i = targets.indexOf(target); i >= 0; i--) {
    const found = v[targets[i] as Target];
    if (found !== undefined) return found;
  }
  return undefined;
}
