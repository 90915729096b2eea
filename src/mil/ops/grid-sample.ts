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
