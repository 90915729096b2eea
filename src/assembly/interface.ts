import { isFixed } from "../mil/dim.ts";
import type { Feature, Flexibility, Interface, TensorFeature } from "../mil/interface.ts";
import type { Func } from "../mil/program.ts";
import type { Plan, PlannedDim, PlannedInput, PlannedLength } from "../plan.ts";

/** What a caller of the planned model sees. Shapes of outputs come from the graph, everything else from the plan. */
export function interfaceOf(plan: Plan, func: Func): Interface {
  return {
    inputs: plan.inputs.map((i) => inputFeature(i, plan.lengths)),
    states: [],
    outputs: func.body.outputs.map(({ name, type }): Feature => {
      const planned = plan.outputs.find((o) => o.name === name);
      const named = { name, ...(planned?.description ? { description: planned.description } : {}) };
      if (type.kind === "dict") return { ...named, kind: "probabilities", key: "string" };
      if (type.kind !== "tensor" || type.dtype === "string") return { ...named, kind: "label", type: "string" };
      const shape = isFixed(type.shape) && type.shape.length > 0 ? type.shape : undefined;
      return {
        ...named,
        kind: "tensor",
        dtype: type.dtype as TensorFeature["dtype"],
        shape,
        flexibility: { kind: "fixed" },
      };
    }),
    ...(plan.classifier ? { classifier: plan.classifier } : {}),
  };
}

function inputFeature(i: PlannedInput, lengths: Plan["lengths"]): Feature {
  const named = { name: i.name, ...(i.description ? { description: i.description } : {}) };
  if (i.kind === "image") {
    return {
      ...named,
      kind: "image",
      colorSpace: i.colorSpace,
      height: i.height,
      width: i.width,
      flexibility: { kind: "fixed" },
    };
  }
  const shape = i.shape.map((d) => total(d, lengths, (l) => l.default));
  return {
    ...named,
    kind: "tensor",
    dtype: i.dtype,
    shape,
    flexibility: flexibilityOf(i.shape, lengths),
    ...(i.optional ? { optional: { value: 0 } } : {}),
  };
}

/** A planned dimension as a number, each length taken at `pick`. */
export const total = (d: PlannedDim, lengths: Plan["lengths"], pick: (l: PlannedLength) => number): number =>
  typeof d === "number" ? d : d.reduce((sum, part) => sum + (lengths[part] ? pick(lengths[part]) : Number(part)), 0);

function flexibilityOf(shape: readonly PlannedDim[], lengths: Plan["lengths"]): Flexibility {
  const used = shape.flatMap((d) => (typeof d === "number" ? [] : d)).flatMap((part) => lengths[part] ?? []);
  if (used.length === 0) return { kind: "fixed" };
  const values = used.find((l) => l.values)?.values;
  if (values)
    return {
      kind: "enumerated",
      shapes: values.map((v) => shape.map((d) => total(d, lengths, (l) => (l.values ? v : l.default)))),
    };
  return {
    kind: "range",
    ranges: shape.map((d) => [total(d, lengths, (l) => l.min), total(d, lengths, (l) => l.max)] as const),
  };
}
