import { type Dim, dimsText, equalDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";

/** A tensor of the executed graph with its shape. */
export interface Shaped {
  readonly name: string;
  readonly shape: readonly Dim[];
}

/**
 * Reshapes `x` to `shape`. One size known only at run time is what remains; of several, those that are sizes of `source`
 * are read from there.
 * @throws Refusal when more than one remains
 */
export function reshapedTo(call: Lowering, x: string, shape: readonly Dim[], source: Shaped): string {
  const open = shape.filter((d) => typeof d !== "number");
  if (open.length <= 1) {
    return call.node("Reshape", [x, call.int64s(shape.map((d) => (typeof d === "number" ? d : -1)))]);
  }
  const axisOf = (d: Dim): number => source.shape.findIndex((s) => equalDims(s, d));
  const rest = open.filter((d) => axisOf(d) < 0);
  if (rest.length > 1) call.refuse(`no dimensions of ${dimsText(source.shape)} give ${dimsText(rest)}`);
  const sizes = call.node("Shape", [source.name]);
  const parts = shape.map((d) => {
    if (typeof d === "number") return call.int64s([d]);
    const axis = axisOf(d);
    return axis < 0 ? call.int64s([-1]) : call.node("Gather", [sizes, call.int64s([axis])], { axis: 0 });
  });
  return call.node("Reshape", [x, call.node("Concat", parts, { axis: 0 })]);
}
