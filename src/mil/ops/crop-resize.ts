// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#image-resizing
import { isFloat } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, int, optionalTensor, type Param, real, tensor, word } from "../params.ts";
import type { Value } from "../program.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";
import { extentOf, sampledAt } from "./grid-sample.ts";
import { sizeOf } from "./resize.ts";

/** Where a box's four numbers stand, and whether they are its corners or its centre and size. */
const boxModes = {
  CORNERS_HEIGHT_FIRST: { isCorners: true, rows: [0, 2], columns: [1, 3] },
  CORNERS_WIDTH_FIRST: { isCorners: true, rows: [1, 3], columns: [0, 2] },
  CENTER_SIZE_HEIGHT_FIRST: { isCorners: false, rows: [0, 2], columns: [1, 3] },
  CENTER_SIZE_WIDTH_FIRST: { isCorners: false, rows: [1, 3], columns: [0, 2] },
} as const;

/**
 * Where `count` samples lie in a box, counted from its first position; its length is the last position minus the first:
 * https://github.com/apple/coremltools/blob/9.0/mlmodel/format/NeuralNetwork.proto (`SamplingMode`), and for
 * UNALIGN_CORNERS https://developer.apple.com/documentation/accelerate/bnnslinearsamplingunaligncorners.
 */
type Grid = (call: Lowering, length: string, count: number) => string;
const steps = (count: number, step: (i: number) => number): readonly number[] =>
  Array.from({ length: count }, (_, i) => step(i));
const along = (call: Lowering, length: string, shares: readonly number[]): string =>
  call.node("Mul", [length, call.floats(shares)]);
const grids: Readonly<Record<string, Grid>> = {
  STRICT_ALIGN_CORNERS: (call, length, count) =>
    along(
      call,
      length,
      steps(count, (i) => i / Math.max(1, count - 1)),
    ),
  ALIGN_CORNERS: (call, length, count) =>
    along(
      call,
      length,
      steps(count, (i) => (count === 1 ? 0.5 : i / (count - 1))),
    ),
  DEFAULT: (call, length, count) => {
    const size = call.node("Add", [length, call.float(1)]);
    const at = along(
      call,
      size,
      steps(count, (i) => i / count),
    );
    return call.node("Min", [at, length]);
  },
  UNALIGN_CORNERS: (call, length, count) => {
    const size = call.node("Add", [length, call.float(1)]);
    const centres = along(
      call,
      size,
      steps(count, (i) => (i + 0.5) / count),
    );
    const at = call.node("Sub", [centres, call.float(0.5)]);
    return call.node("Min", [call.node("Max", [at, call.float(0)]), length]);
  },
  OFFSET_CORNERS: (call, length, count) => {
    const spacing = call.node("Max", [length, call.float(1)]);
    const at = along(
      call,
      spacing,
      steps(count, (i) => (i + 0.5) / count),
    );
    return call.node("Min", [at, length]);
  },
};

function oneOf<T>(call: Call, name: string, known: Readonly<Record<string, T>>): T {
  const wanted = call.word(name);
  return Object.hasOwn(known, wanted)
    ? (known[wanted] as T)
    : call.refuse(`${name} '${wanted}', expected ${Object.keys(known).join(", ")}`);
}

const isOld = (call: Call): boolean => call.target === "iOS15" || call.target === "iOS16";
/** How many numbers a box of `roi` has: 5 when the first is the image it lies in. */
const boxSize = (call: Call): Dim | undefined => call.shape("roi")[2];

/** A parameter of some targets only, which the builder's types can therefore not demand. */
const sometimes = <const N extends string>(p: Param<N>): Param<N, Value | undefined, false> =>
  p as Param<N, Value | undefined, false>;

/**
 * Boxes of x [B, C, H, W], each resized to the same size. Until iOS16 the boxes are `roi` [N, 1, 4, 1, 1] and taken from
 * every image, giving [N, B, C, h, w], or [N, 1, 5, 1, 1] with the image in front, giving [N, 1, C, h, w]. From iOS17 on
 * they are `boxes` [N, 4] with `box_indices`, giving [N, C, h, w]. A sample outside of the image is `pad_value`.
 */
export const crop_resize = defineOp("crop_resize", {
  in: [tensor("x", "T")],
  options: [
    sometimes(tensor("roi", "T", { until: "iOS17" })),
    sometimes(tensor("boxes", "BOX_T", { since: "iOS17" })),
    optionalTensor("box_indices", "BOX_INDEX_T", { since: "iOS17", default: everyImage }),
    int("target_height", 1),
    int("target_width", 1),
    flag("normalized_coordinates", false),
    real("spatial_scale", ["fp32"], 1),
    word("box_coordinate_mode", "CORNERS_HEIGHT_FIRST"),
    word("sampling_mode", "DEFAULT"),
    real("pad_value", "T", 0, { since: "iOS16" }),
  ],
  domains: { T: float, BOX_T: [...float, "uint16"], BOX_INDEX_T: ["int32", "uint16"] },
  half: "fp32",
  infer(call) {
    oneOf(call, "box_coordinate_mode", boxModes);
    oneOf(call, "sampling_mode", grids);
    const { dtype, shape } = call.type("x");
    const [batch, channels] = shape;
    if (batch === undefined || channels === undefined || shape.length !== 4) {
      return call.refuse(`x ${dimsText(shape)}, expected [B, C, H, W]`);
    }
    const crop = [channels, call.number("target_height"), call.number("target_width")];
    if (isOld(call)) {
      const roi = call.shape("roi");
      const [count, one, size] = roi;
      if (roi.length !== 5 || one !== 1 || (size !== 4 && size !== 5)) {
        call.refuse(`roi ${dimsText(roi)}, expected [N, 1, 4 or 5, 1, 1]`);
      }
      return result(dtype, [count as Dim, size === 4 ? batch : 1, ...crop]);
    }
    const boxes = call.shape("boxes");
    if (boxes.length !== 2) call.refuse(`boxes ${dimsText(boxes)}, expected [N, 4]`);
    call.unify(boxes[1] as Dim, 4, "the columns of boxes and 4");
    if (call.has("box_indices")) {
      call.unify(call.shape("box_indices")[0] ?? 1, boxes[0] as Dim, "entries of box_indices and boxes");
    }
    return result(dtype, [boxes[0] as Dim, ...crop]);
  },
  onnx(call) {
    const given = isOld(call) ? "roi" : "boxes";
    const size = isOld(call) ? (boxSize(call) as number) : 4;
    const typed = isFloat(call.dtype(given)) ? call.in(given) : call.cast(call.in(given), "float");
    const boxes = call.node("Reshape", [typed, call.int64s([-1, size])]);
    const images = imagesOf(call, boxes);
    const y = croppedFrom(call, images, boxes, size - 4);
    if (!isOld(call)) return y;
    const shape = call.node("Shape", [call.in("x")]);
    const from = (axes: readonly number[]): string => call.node("Gather", [shape, call.int64s(axes)], { axis: 0 });
    const ahead = size === 5 ? [call.int64s([-1, 1]), from([1])] : [call.int64s([-1]), from([0, 1])];
    const crop = call.int64s([call.number("target_height"), call.number("target_width")]);
    return call.node("Reshape", [y, call.node("Concat", [...ahead, crop], { axis: 0 })]);
  },
});

/** Box i lies in image i. */
function everyImage(call: Call): readonly number[] {
  const [count] = call.shape("boxes");
  return typeof count === "number" ? steps(count, (i) => i) : call.refuse("box_indices is missing");
}

/** For each box what it is cut from: its image, or all images with their channels behind each other. */
function imagesOf(call: Lowering, boxes: string): string {
  const x = call.in("x");
  const column = (i: number): string => call.cast(call.node("Gather", [boxes, call.int64(i)], { axis: 1 }), "int64");
  if (!isOld(call)) {
    const at = call.has("box_indices") ? call.in("box_indices") : call.int64s(everyImage(call));
    return call.node("Gather", [x, at], { axis: 0 });
  }
  if (boxSize(call) === 5) return call.node("Gather", [x, column(0)], { axis: 0 });
  const sizes = call.node("Gather", [call.node("Shape", [x]), call.int64s([2, 3])], { axis: 0 });
  const stacked = call.node("Reshape", [x, call.node("Concat", [call.int64s([1, -1]), sizes], { axis: 0 })]);
  const count = call.node("Gather", [call.node("Shape", [boxes]), call.int64s([0])], { axis: 0 });
  return call.node("Expand", [stacked, call.node("Concat", [count, call.int64s([1, 1, 1])], { axis: 0 })]);
}

/** `images` [N, C, H, W] cut by `boxes` [N, first + 4]. */
function croppedFrom(call: Lowering, images: string, boxes: string, first: number): string {
  const [height, width] = [call.number("target_height"), call.number("target_width")];
  const rows = positions(call, boxes, first, "rows", height);
  const columns = positions(call, boxes, first, "columns", width);
  const [y, x] = [
    call.node("Unsqueeze", [rows, call.int64s([2])]),
    call.node("Unsqueeze", [columns, call.int64s([1])]),
  ];
  const inside = call.node("And", [isInside(call, y, 2), isInside(call, x, 3)]);
  const full = call.node("Shape", [inside]);
  const pixels = [x, y].map((v) => call.node("Unsqueeze", [call.node("Expand", [v, full]), call.int64s([3])]));
  const sampled = sampledAt(call, images, call.node("Concat", pixels, { axis: 3 }), extentOf(call), {
    mode: "linear",
    padding: "border",
    value: 0,
  });
  const pad = call.float(call.target === "iOS15" ? 0 : call.number("pad_value"));
  return call.node("Where", [call.node("Unsqueeze", [inside, call.int64s([1])]), sampled, pad]);
}

function isInside(call: Lowering, at: string, axis: number): string {
  const last = call.node("Sub", [sizeOf(call, axis), call.float(1)]);
  return call.node("And", [call.node("GreaterOrEqual", [at, call.float(0)]), call.node("LessOrEqual", [at, last])]);
}

/** The rows or columns [N, count] at which the boxes are read. */
function positions(call: Lowering, boxes: string, first: number, of: "rows" | "columns", count: number): string {
  const mode = oneOf(call, "box_coordinate_mode", boxModes);
  const scale = call.float(call.number("spatial_scale"));
  const last = call.node("Sub", [sizeOf(call, of === "rows" ? 2 : 3), call.float(1)]);
  const [a, b] = mode[of].map((i) => {
    const column = call.node("Gather", [boxes, call.int64s([first + i])], { axis: 1 });
    const scaled = call.node("Mul", [column, scale]);
    return call.flag("normalized_coordinates") ? call.node("Mul", [scaled, last]) : scaled;
  }) as [string, string];
  const start = mode.isCorners ? a : call.node("Sub", [a, call.node("Mul", [b, call.float(0.5)])]);
  const length = mode.isCorners ? call.node("Sub", [b, a]) : b;
  return call.node("Add", [start, oneOf(call, "sampling_mode", grids)(call, length, count)]);
}
