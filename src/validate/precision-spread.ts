import type { HostTensors } from "../run/host-tensor.ts";
import { compare } from "./compare.ts";
import type { InputSet } from "./input-set.ts";
import type { PrecisionSpread } from "./package-validation.ts";

/** How far each output of a call lies between rounding after every operation and never. */
export function precisionSpread(set: InputSet, rounded: HostTensors, wide: HostTensors): PrecisionSpread[] {
  return Object.entries(rounded).flatMap(([output, actual]) => {
    const other = wide[output];
    if (!other) return [];
    const tolerance = () => ({ atol: Number.POSITIVE_INFINITY, rule: "" });
    const { error } = compare(output, actual, other, { positions: set.compare[output], tolerance });
    if (!error) return [];
    const { maxAbsolute, maxReference, rms } = error;
    return [{ output, set: set.name, maxAbsolute, maxReference, rms }];
  });
}

/** The farthest of each output. */
export function widestSpreads(spreads: readonly PrecisionSpread[]): PrecisionSpread[] {
  const widest = new Map<string, PrecisionSpread>();
  for (const s of spreads) {
    const known = widest.get(s.output);
    if (!known || s.maxAbsolute > known.maxAbsolute) widest.set(s.output, s);
  }
  return [...widest.values()];
}
