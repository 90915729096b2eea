import type { Call } from "../call.ts";
import { isTrackable } from "../constants.ts";
import { addDims, type Dim, equalDims, floorDivDims, maxOf, minOf, mulDims, subDims } from "../dim.ts";

/** Arithmetic on integers that may be lengths; undefined where no dimension expresses the result. */
export type DimArithmetic = (a: Dim, b: Dim) => Dim | undefined;

export const quotient: DimArithmetic = (a, b) => {
  if (typeof b !== "number" || b === 0) return equalDims(a, b) && minOf(a) > 0 ? 1 : undefined;
  if (typeof a === "number") return Math.floor(a / b);
  return b > 0 ? floorDivDims(a, b) : undefined;
};

/** Division that drops the fraction, as integer `real_div` does. */
export const truncatedQuotient: DimArithmetic = (a, b) => {
  if (typeof a === "number" && typeof b === "number") return b === 0 ? undefined : Math.trunc(a / b);
  return minOf(a) >= 0 && minOf(b) > 0 ? quotient(a, b) : undefined;
};

export const remainder: DimArithmetic = (a, b) => {
  const q = quotient(a, b);
  return q === undefined ? undefined : subDims(a, mulDims(q, b));
};

export const larger: DimArithmetic = (a, b) => (minOf(a) >= maxOf(b) ? a : minOf(b) >= maxOf(a) ? b : undefined);
export const smaller: DimArithmetic = (a, b) => (maxOf(a) <= minOf(b) ? a : maxOf(b) <= minOf(a) ? b : undefined);

/** The integers of `f(x, y)` for scalars and vectors, a single entry standing for all; undefined unless all are known. */
export function elementwiseContent(call: Call, x: string, y: string, f: DimArithmetic): readonly Dim[] | undefined {
  const [a, b] = [call.content(x), call.content(y)];
  if (!a || !b || call.rank(x) > 1 || call.rank(y) > 1) return undefined;
  const count = Math.max(a.length, b.length);
  if (!isTrackable(count)) return undefined;
  return known(Array.from({ length: count }, (_, i) => f(entry(a, i), entry(b, i))));
}

/** Entry `i` of a vector, or the only one of a scalar. */
export const entry = (content: readonly Dim[], i: number): Dim =>
  (content.length === 1 ? content[0] : content[i]) as Dim;

/** The entries, if every one is known. */
export const known = (entries: readonly (Dim | undefined)[]): readonly Dim[] | undefined =>
  entries.every((d) => d !== undefined) ? entries : undefined;

export const sum: DimArithmetic = addDims;
export const difference: DimArithmetic = subDims;
export const product: DimArithmetic = mulDims;
