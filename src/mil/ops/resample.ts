// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#image-resizing
import { isFloat } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, int, real, tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";
import { extentOf, paddingModes, sampledAt } from "./grid-sample.ts";

const narrow = ["int16", "uint16", "int8", "uint8"] as const;
const sampling = [
  word("sampling_mode"),
  word("padding_mode"),
  real("padding_value", "T"),
  word("coordinates_mode"),
  flag("align_corners"),
] as const;
const modes = { bilinear: "linear", nearest: "nearest" } as const;
const coordinates = ["unnormalized", "normalized_minus_one_to_one", "normalized_zero_to_one"] as const;

/** The one of `known` that the parameter names, whatever its case. @throws Refusal for any other */
function choice<T extends string>(call: Call, name: string, known: readonly T[]): T {
  const wanted = call.word(name);
  return (
    known.find((k) => k === wanted.toLowerCase()) ??
    call.refuse(`${name} '${wanted}', expected ${known.map((k) => `'${k}'`).join(", ")}`)
  );
}

const modeOf = (call: Call): keyof typeof modes => choice(call, "sampling_mode", ["bilinear", "nearest"]);

/** x [B, C, H, W] read at the points [B, h, w, 2] of `coordinates`, columns before rows. */
export const resample = defineOp("resample", {
  in: [tensor("x", "T"), tensor("coordinates", "U")],
  options: sampling,
  domains: {
    T: float,
    U: {
      iOS15: ["int32", "fp32"],
      iOS16: ["int32", "fp16", "fp32"],
      iOS17: ["int32", "fp16", "fp32", ...narrow],
    },
  },
  half: "fp32",
  infer(call) {
    modeOf(call);
    choice(call, "padding_mode", paddingModes);
    choice(call, "coordinates_mode", coordinates);
    const [x, points] = [call.type("x"), call.shape("coordinates")];
    if (x.shape.length !== 4 || points.length !== 4) {
      call.refuse(`x ${dimsText(x.shape)} and coordinates ${dimsText(points)}, expected rank 4 and [B, h, w, 2]`);
    }
    call.unify(points[3] as Dim, 2, "the last size of coordinates and 2");
    const batch = call.unify(x.shape[0] as Dim, points[0] as Dim, "images of x and of coordinates");
    return result(x.dtype, [batch, x.shape[1] as Dim, points[1] as Dim, points[2] as Dim]);
  },
  onnx(call) {
    const extent = extentOf(call);
    return sampledAt(call, call.in("x"), pixelsOf(call, extent), extent, {
      mode: modes[modeOf(call)],
      padding: choice(call, "padding_mode", paddingModes),
      value: call.number("padding_value"),
    });
  },
});

/** The coordinates as positions with 0 at the centre of the first pixel. */
function pixelsOf(call: Lowering, extent: string): string {
  const given = call.in("coordinates");
  const points = isFloat(call.dtype("coordinates")) ? given : call.cast(given, "float");
  const mode = choice(call, "coordinates_mode", coordinates);
  if (mode === "unnormalized") return points;
  const share =
    mode === "normalized_zero_to_one"
      ? points
      : call.node("Mul", [call.node("Add", [points, call.float(1)]), call.float(0.5)]);
  return call.flag("align_corners")
    ? call.node("Mul", [share, call.node("Sub", [extent, call.float(1)])])
    : call.node("Sub", [call.node("Mul", [share, extent]), call.float(0.5)]);
}

/**
 * x [B, C, H, W] read at x' = a₀·x + a₁·y + a₂, y' = b₀·x + b₁·y + b₂, both −1 to 1 from the first to the last pixel
 * (from edge to edge without `align_corners`, which coremltools writes and documents as not supported), for the matrices
 * [a₀, a₁, a₂, b₀, b₁, b₂], one per image or one for all. Core ML has no other mode of the other parameters.
 */
export const affine = defineOp("affine", {
  in: [tensor("x", "T"), tensor("transform_matrix", "T")],
  options: [int("output_height"), int("output_width"), ...sampling],
  domains: { T: float },
  half: "fp32",
  infer(call) {
    choice(call, "sampling_mode", ["bilinear"]);
    choice(call, "padding_mode", ["constant"]);
    choice(call, "coordinates_mode", ["normalized_minus_one_to_one"]);
    if (call.number("padding_value") !== 0) call.refuse(`padding_value ${call.number("padding_value")}, expected 0`);
    const [x, matrix] = [call.type("x"), call.shape("transform_matrix")];
    const [batch, channels] = x.shape;
    if (batch === undefined || channels === undefined || x.shape.length !== 4) {
      return call.refuse(`x ${dimsText(x.shape)}, expected [B, C, H, W]`);
    }
    if (matrix.length !== 2) call.refuse(`transform_matrix ${dimsText(matrix)}, expected [B, 6]`);
    call.unify(matrix[1] as Dim, 6, "the columns of transform_matrix and 6");
    if (matrix[0] !== 1) call.unify(matrix[0] as Dim, batch, "matrices and images");
    return result(x.dtype, [batch, channels, call.number("output_height"), call.number("output_width")]);
  },
  onnx(call) {
    const x = call.in("x");
    const theta = call.node("Reshape", [call.in("transform_matrix"), call.int64s([-1, 2, 3])]);
    const batch = call.node("Gather", [call.node("Shape", [x]), call.int64s([0])], { axis: 0 });
    const each = call.node("Expand", [theta, call.node("Concat", [batch, call.int64s([1, 1])], { axis: 0 })]);
    const sizes = call.int64s([1, call.number("output_height"), call.number("output_width")]);
    const size = call.node("Concat", [batch, sizes], { axis: 0 });
    const corners = { align_corners: Number(call.flag("align_corners")) };
    const grid = call.node("AffineGrid", [each, size], corners);
    return call.node("GridSample", [x, grid], { mode: "linear", padding_mode: "zeros", ...corners });
  },
});
