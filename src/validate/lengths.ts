import type { Plan, PlannedDim, PlannedLength, PlannedTensor } from "../plan.ts";

/** Named lengths of one call: `{ S: 128 }`. */
export type Lengths = Readonly<Record<string, number>>;

/** The least, the greatest, and one between that the plan allows. */
export function threeLengths({ min, max, values }: PlannedLength): {
  readonly min: number;
  readonly middle: number;
  readonly max: number;
} {
  const sorted = values ? [...values].sort((a, b) => a - b) : [min, Math.floor((min + max) / 2), max];
  return { min: sorted[0] ?? min, middle: sorted[Math.floor(sorted.length / 2)] ?? max, max: sorted.at(-1) ?? max };
}

/** The smallest allowed length of at least `count`, else the largest there is. */
export function lengthFor(count: number, { min, max, values }: PlannedLength): number {
  if (!values) return Math.min(max, Math.max(min, count));
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.find((v) => v >= count) ?? sorted.at(-1) ?? max;
}

/** @throws RangeError when the plan names a length the call does not set */
export const sizeOf = (dim: PlannedDim, lengths: Lengths): number =>
  typeof dim === "number"
    ? dim
    : dim.reduce((sum, part) => {
        const value = lengths[part] ?? Number(part);
        if (!Number.isInteger(value)) throw new RangeError(`no value for length '${part}'`);
        return sum + value;
      }, 0);

export const shapeOf = (input: PlannedTensor, lengths: Lengths): number[] => input.shape.map((d) => sizeOf(d, lengths));

/** The input of that role, undefined where the plan has none. */
export const inputOf = (plan: Plan, role: PlannedTensor["role"]): PlannedTensor | undefined =>
  plan.inputs.find((i): i is PlannedTensor => i.kind === "tensor" && i.role === role);

/** How long the sequence may be: the last dimension of the ids, fixed or named. */
export function sequenceLengthOf(plan: Plan): PlannedLength | undefined {
  const dim = inputOf(plan, "ids")?.shape.at(-1);
  if (dim === undefined) return undefined;
  const named = typeof dim === "number" ? undefined : plan.lengths[dim[0] ?? ""];
  return typeof dim === "number" ? { min: dim, max: dim, default: dim } : named;
}
