// https://onnx.ai/onnx/operators/onnx__GridSample.html
import type { Lowering } from "../lowering.ts";
import { sizeOf } from "./resize.ts";

/** How points beyond the edge are read, by the names of `resample`. `reflection` repeats no edge, `symmetric` does. */
const paddings = { constant: "zeros", border: "border", reflection: "reflection", symmetric: "reflection" } as const;
export type Padding = keyof typeof paddings;
export const paddingModes = Object.keys(paddings) as readonly Padding[];

export interface Sampling {
  readonly mode: "linear" | "nearest";
  readonly padding: Padding;
  /** What lies around the image in mode `constant`. */
  readonly value: number;
}

/** Width and height of x [B, C, H, W] as a float vector. */
export function extentOf(call: Lowering): string {
  const [height, width] = [2, 3].map((axis) => call.node("Reshape", [sizeOf(call, axis), call.int64s([1])]));
  return call.node("Concat", [width as string, height as string], { axis: 0 });
}

/** `x` [N, C, H, W] read at `pixels` [N, h, w, 2], columns before rows, 0 being the centre of the first pixel. */
export function sampledAt(call: Lowering, x: string, pixels: string, extent: string, how: Sampling): string {
  // GridSample rounds before it reflects, which gives another pixel where two are as near.
  if (how.mode === "nearest" && paddings[how.padding] === "reflection") {
    const inside = call.node("Round", [reflected(call, pixels, extent, how.padding === "reflection")]);
    return sampledAt(call, x, inside, extent, { ...how, padding: "border" });
  }
  // From edge to edge GridSample reflects at the edges, from centre to centre at the centres of the outermost pixels.
  const isCentred = how.padding === "reflection";
  const [one, two] = [call.float(1), call.float(2)];
  const span = isCentred ? call.node("Max", [call.node("Sub", [extent, one]), one]) : extent;
  const doubled = call.node("Mul", [pixels, two]);
  const share = call.node("Div", [isCentred ? doubled : call.node("Add", [doubled, one]), span]);
  const grid = call.node("Sub", [share, one]);
  const attributes = { mode: how.mode, padding_mode: paddings[how.padding], align_corners: Number(isCentred) };
  const sample = (image: string): string => call.node("GridSample", [image, grid], attributes);
  if (how.padding !== "constant" || how.value === 0) return sample(x);
  const value = call.float(how.value);
  return call.node("Add", [sample(call.node("Sub", [x, value])), value]);
}

/** Positions folded into the image at the centres of its outermost pixels, or at its edges. */
function reflected(call: Lowering, pixels: string, extent: string, isCentred: boolean): string {
  const last = call.node("Sub", [extent, call.float(1)]);
  const first = call.float(isCentred ? 0 : -0.5);
  const span = isCentred ? call.node("Max", [last, call.float(1)]) : extent;
  const period = call.node("Mul", [span, call.float(2)]);
  const distance = call.node("Abs", [call.node("Sub", [pixels, first])]);
  const rest = call.node("Mod", [distance, period], { fmod: 1 });
  const folded = call.node("Add", [call.node("Min", [rest, call.node("Sub", [period, rest])]), first]);
  return call.node("Min", [call.node("Max", [folded, call.float(0)]), last]);
}
