// The grids of https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#image-resizing
import type { Lowering } from "../lowering.ts";

/** Names of float scalars of the executed graph: the size of a dimension before and after. */
export interface Sizes {
  readonly from: string;
  readonly to: string;
}

/** Names of float scalars and of the vector 0, 1, … of results along one dimension. */
interface Grid extends Sizes {
  readonly i: string;
  readonly last: string;
}

const spread = (call: Lowering, { i, last, to }: Grid): string => {
  const gaps = call.node("Max", [call.node("Sub", [to, call.float(1)]), call.float(1)]);
  return call.node("Div", [call.node("Mul", [i, last]), gaps]);
};

const middle = (call: Lowering, i: string): string => call.node("Add", [i, call.float(0.5)]);

/** Positions between 0 and the last entry at which each mode samples. */
const grids = {
  /** i·in / out */
  DEFAULT: (call: Lowering, g: Grid) => call.node("Div", [call.node("Mul", [g.i, g.from]), g.to]),
  /** First on first and last on last. */
  STRICT_ALIGN_CORNERS: spread,
  /** The same, but a single result lies in the middle. */
  ALIGN_CORNERS: (call: Lowering, g: Grid) => {
    const isOne = call.node("Equal", [g.to, call.float(1)]);
    const centre = call.node("Mul", [g.last, call.float(0.5)]);
    return call.node("Where", [isOne, centre, spread(call, g)]);
  },
  /** Centres of pixels on each other: (i + ½)·in / out − ½ */
  UNALIGN_CORNERS: (call: Lowering, g: Grid) => {
    const edge = call.node("Div", [call.node("Mul", [middle(call, g.i), g.from]), g.to]);
    return call.node("Sub", [edge, call.float(0.5)]);
  },
  /** (i + ½)·max(1, in − 1) / out */
  OFFSET_CORNERS: (call: Lowering, g: Grid) => {
    const width = call.node("Max", [g.last, call.float(1)]);
    return call.node("Div", [call.node("Mul", [middle(call, g.i), width]), g.to]);
  },
};

export type SamplingMode = keyof typeof grids;
export const samplingModes = Object.keys(grids) as readonly SamplingMode[];

function positions(call: Lowering, mode: SamplingMode, sizes: Sizes): string {
  const i = call.node("Range", [call.float(0), sizes.to, call.float(1)]);
  const last = call.node("Sub", [sizes.from, call.float(1)]);
  return call.node("Clip", [grids[mode](call, { ...sizes, i, last }), call.float(0), last]);
}

const picked = (call: Lowering, x: string, at: string, axis: number): string =>
  call.node("Gather", [x, call.cast(at, "int64")], { axis });

/** `x` (float, of rank `rank`) resized along `axis`, each result a mean of its two neighbours. */
export function resizedLinearly(
  call: Lowering,
  x: string,
  rank: number,
  axis: number,
  mode: SamplingMode,
  sizes: Sizes,
): string {
  const at = positions(call, mode, sizes);
  const below = call.node("Floor", [at]);
  const above = call.node("Min", [
    call.node("Add", [below, call.float(1)]),
    call.node("Sub", [sizes.from, call.float(1)]),
  ]);
  const wide = call.int64s([-1, ...Array<number>(rank - axis - 1).fill(1)]);
  const share = call.node("Reshape", [call.node("Sub", [at, below]), wide]);
  const rest = call.node("Sub", [call.float(1), share]);
  const lower = call.node("Mul", [picked(call, x, below, axis), rest]);
  return call.node("Add", [lower, call.node("Mul", [picked(call, x, above, axis), share])]);
}

/** `x` resized along `axis`, each result the entry nearest to its position, of two as near the later one. */
export function resizedToNearest(call: Lowering, x: string, axis: number, mode: SamplingMode, sizes: Sizes): string {
  return picked(call, x, call.node("Floor", [middle(call, positions(call, mode, sizes))]), axis);
}

/** `x` resized along `axis`, each result the entry at or before its position of mode `DEFAULT`. */
export function resizedDown(call: Lowering, x: string, axis: number, sizes: Sizes): string {
  return picked(call, x, call.node("Floor", [positions(call, "DEFAULT", sizes)]), axis);
}
