import { fail } from "../../diagnostics.ts";
import type { TensorFeature } from "../../mil/interface.ts";
import type { PlannedLength } from "../../plan.ts";
import { SAFE_MAX } from "../lengths.ts";

/** Lengths an axis may have: a few values, the default first, or a range. */
export interface AxisLengths {
  readonly min: number;
  readonly max: number;
  readonly values?: readonly number[];
}

/** Which lengths a feature takes on an axis. An open range ends at infinity. */
export function axisLengths({ shape = [], flexibility }: TensorFeature, axis: number): AxisLengths {
  const at = <T>(list: readonly T[], otherwise: T): T => list.at(axis) ?? otherwise;
  if (flexibility.kind === "range") {
    const [min, max] = at(flexibility.ranges, [0, 0] as const);
    return min === max ? ofValues([min]) : { min, max };
  }
  if (flexibility.kind === "enumerated") return ofValues(flexibility.shapes.map((s) => at(s, 0)));
  return ofValues([at(shape, 0)]);
}

const ofValues = (values: readonly number[]): AxisLengths => ({
  min: Math.min(...values),
  max: Math.max(...values),
  values: [...new Set(values)],
});

/** What two axes both take; undefined when that is nothing. */
export function commonLengths(a: AxisLengths, b: AxisLengths): AxisLengths | undefined {
  const [min, max] = [Math.max(a.min, b.min), Math.min(a.max, b.max)];
  const [first, second] = a.values ? [a, b] : [b, a];
  if (!first.values) return min <= max ? { min, max } : undefined;
  const values = first.values.filter((v) => v >= second.min && v <= second.max && (second.values?.includes(v) ?? true));
  return values.length > 0 ? ofValues(values) : undefined;
}

/** Where an open range is cut for a model that states no maximum. */
const OPEN_MAX = 2048;

/**
 * The lengths that the model has positions for.
 * @param most positions of the model, undefined where nothing bounds them
 * @throws ConversionError `adopt.length` when it has too few for every length of the package
 */
export function withinPositions(lengths: AxisLengths, most: number | undefined, name: string): AxisLengths {
  const limit = most ?? Math.max(OPEN_MAX, Math.min(SAFE_MAX, Number.isFinite(lengths.max) ? lengths.max : 0));
  return (
    commonLengths(
      { min: Math.max(1, lengths.min), max: lengths.max, ...pick(lengths.values) },
      { min: 1, max: limit },
    ) ??
    fail("validation", "adopt.length", `takes ${lengths.min} or more tokens, the model has ${limit} positions`, {
      path: name,
    })
  );
}

const pick = (values: readonly number[] | undefined): { readonly values?: readonly number[] } =>
  values ? { values } : {};

/** As a plan states it: a number where only one length is left. */
export function plannedLength({ min, max, values }: AxisLengths): number | PlannedLength {
  if (min === max) return min;
  return values ? { min, max, default: values[0] ?? min, values } : { min, max, default: max };
}
