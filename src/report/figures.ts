import type { Comparison } from "../validate/comparison.ts";
import type { SetResult } from "../validate/package-validation.ts";

/** One output's comparison, and the input set it comes from. */
export interface Row {
  readonly set: string;
  readonly comparison: Comparison;
}

/** Failing comparisons first; then those closest to their tolerance. */
export const rowsOf = (sets: readonly SetResult[]): Row[] =>
  sets
    .flatMap((s) => s.comparisons.map((comparison) => ({ set: s.name, comparison })))
    .sort((a, b) => severity(b.comparison) - severity(a.comparison));

/** Everything that failed is worse than everything that passed. */
function severity({ passed, error, tolerance }: Comparison): number {
  const share = error && tolerance ? error.maxAbsolute / Math.max(tolerance.atol, Number.MIN_VALUE) : 0;
  return passed ? Math.min(1, share) : 2 + share;
}

/** Three significant digits: 0.0000123 -> `1.23e-5`, 0.0001 -> `0.0001`, 12345 -> `12345`. */
export function figure(x: number | null): string {
  if (x === null) return "–";
  if (x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e6)) return x.toExponential(2).replace(/\.?0+e/, "e");
  return Math.abs(x) >= 1000 ? String(Math.round(x)) : String(Number(x.toPrecision(3)));
}

/** A cosine rounded to three digits would always be 1: what is printed is how far it is from it. */
export const cosineFigure = (cosine: number | null): string =>
  cosine === null ? "–" : 1 - cosine < 1e-9 ? "1" : `1 − ${figure(1 - cosine)}`;

/** 1234567 -> `1.2 MB`: decimal units, as download sizes are given. */
export function byteFigure(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? bytes : value.toFixed(1)} ${units[power]}`;
}

/** As Python prints a shape: `(1, 128, 768)`, `(5,)`. */
export const tupleText = (shape: readonly number[]): string =>
  shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
