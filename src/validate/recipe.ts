import type { Plan, PlannedLength, PlannedTensor } from "../plan.ts";
import type { HostTensor, HostTensors } from "../run/host-tensor.ts";
import { elementCount } from "../tensor/dtype.ts";
import { inputOf, type Lengths, shapeOf } from "./lengths.ts";
import type { Random } from "./random.ts";

/** What one call holds. A row is a sequence: one, or one per choice. */
export interface Recipe {
  readonly name: string;
  readonly length: number;
  readonly past: number;
  id(row: number, position: number, random: Random): number;
  segment?(row: number, position: number): number;
  /** Whether a position of a row is attended to. Default: all are. */
  attends?(row: number, position: number): boolean;
  /** How many of the oldest positions of the past are masked. */
  readonly maskedPast?: number;
}

/** What recipes are made from. */
export interface Context {
  readonly plan: Plan;
  readonly vocabulary: number;
  readonly segments: number;
  readonly paddingId: number;
  readonly length: PlannedLength;
  readonly past: PlannedLength;
}

/** The name of the length of the past, where the plan has one. */
export const pastName = (plan: Plan): string | undefined =>
  inputOf(plan, "past")?.shape.find((d) => typeof d !== "number")?.[0];
/** The past of a call that is not about its length. */
export const usualPast = (past: PlannedLength): number => Math.min(past.default, past.max);

/** The inputs of the plan, filled as the recipe says. */
export function inputsOf(recipe: Recipe, plan: Plan, random: Random): HostTensors {
  const own = inputOf(plan, "ids")?.shape.at(-1);
  const lengths: Lengths = {
    ...(typeof own === "object" ? { [own[0] ?? ""]: recipe.length } : {}),
    ...(pastName(plan) === undefined ? {} : { [pastName(plan) ?? ""]: recipe.past }),
  };
  const tensors = plan.inputs.filter((i): i is PlannedTensor => i.kind === "tensor");
  return Object.fromEntries(tensors.map((i) => [i.name, filled(i, shapeOf(i, lengths), contentOf(i, recipe, random))]));
}

type ValueAt = (row: number, position: number, columns: number) => number;

function filled({ dtype }: PlannedTensor, shape: readonly number[], value: ValueAt): HostTensor {
  const count = elementCount(shape);
  const columns = shape.at(-1) ?? 1;
  const tensor: HostTensor =
    dtype === "fp32" ? { dtype, shape, data: new Float32Array(count) } : { dtype, shape, data: new Int32Array(count) };
  for (let i = 0; i < count; i++) tensor.data[i] = value(Math.floor(i / columns), i % columns, columns);
  return tensor;
}

function contentOf({ role }: PlannedTensor, recipe: Recipe, random: Random): ValueAt {
  switch (role) {
    case "ids":
      return (row, position) => recipe.id(row, position, random);
    case "segments":
      return (row, position) => recipe.segment?.(row, position) ?? 0;
    case "mask":
      return (row, position, columns) => {
        const past = columns - recipe.length;
        if (position < past) return Number(position >= (recipe.maskedPast ?? 0));
        return Number(recipe.attends?.(row, position - past) ?? true);
      };
    case "past":
      return () => random.normal();
    case "patch-mask":
      return () => random.integer(2);
  }
}
