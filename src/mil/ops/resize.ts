// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#image-resizing
import { isFloat } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText, floorDivDims, maxOf, mulDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, int, type Param, real, sizes, tensor, uint, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float, numeric } from "./domains.ts";
import {
  resizedDown,
  resizedLinearly,
  resizedToNearest,
  type SamplingMode,
  type Sizes,
  samplingModes,
} from "./sampling.ts";

/** x with other sizes in its last two dimensions. */
function resizedImage(call: Call, height: Dim, width: Dim): ReturnType<typeof result> {
  const { dtype, shape } = call.type("x");
  if (shape.length < 3) call.refuse(`x has rank ${shape.length}, expected 3 or more`);
  return result(dtype, [...shape.slice(0, -2), height, width]);
}

/** The size of a dimension of a parameter as a float scalar. */
export function sizeOf(call: Lowering, axis: number, of = "x"): string {
  const size = call.shape(of)[axis];
  if (typeof size === "number") return call.float(size);
  const shape = call.node("Shape", [call.in(of)]);
  return call.cast(call.node("Gather", [shape, call.int64(axis)], { axis: 0 }), "float");
}

/** Resizes one dimension after the other. */
function alongLast(
  call: Lowering,
  targets: readonly string[],
  one: (x: string, axis: number, s: Sizes) => string,
): string {
  const first = call.rank("x") - targets.length;
  return targets.reduce((x, to, i) => one(x, first + i, { from: sizeOf(call, first + i), to }), call.in("x"));
}

function samplingMode(call: Call): SamplingMode {
  const wanted = call.word("sampling_mode");
  return (
    samplingModes.find((m) => m === wanted) ??
    call.refuse(`sampling_mode '${wanted}', expected ${samplingModes.join(", ")}`)
  );
}

const factors = ["scale_factor_height", "scale_factor_width"] as const;
const scaleOptions = [real("scale_factor_height", "U", 1), real("scale_factor_width", "U", 1)] as const;

/** floor(size · factor) */
function scaled(call: Call, name: string, axis: number): Dim {
  const [size, factor] = [call.shape("x").at(axis) as Dim, call.number(name)];
  if (typeof size === "number") return Math.floor(size * factor);
  if (Number.isInteger(factor)) return mulDims(size, factor);
  if (Number.isInteger(1 / factor)) return floorDivDims(size, 1 / factor);
  return call.unifier.fresh("upsampled", 1, Math.floor(maxOf(size) * factor));
}

/** The sizes that `scaled` gives, as float scalars. */
const scaledSizes = (call: Lowering): readonly string[] =>
  factors.map((name, i) => {
    const to = scaled(call, name, i - 2);
    if (typeof to === "number") return call.float(to);
    const from = sizeOf(call, call.rank("x") - 2 + i);
    return call.node("Floor", [call.node("Mul", [from, call.float(call.number(name))])]);
  });

/** Entry floor(i·in / out) of x for each result i. */
export const upsample_nearest_neighbor = defineOp("upsample_nearest_neighbor", {
  in: [tensor("x", "T")],
  options: scaleOptions,
  domains: { T: float, U: ["fp32", "int32"] },
  half: "moves",
  infer: (call) => resizedImage(call, scaled(call, factors[0], -2), scaled(call, factors[1], -1)),
  onnx: (call) => alongLast(call, scaledSizes(call), (x, axis, s) => resizedDown(call, x, axis, s)),
});

const halfPixelCenters: Param<"half_pixel_centers", boolean, false> = {
  name: "half_pixel_centers",
  dtypes: ["bool"],
  form: "scalar",
  binding: "const",
  default: null,
  since: "iOS16",
};

/** The factors only give the sizes; sampling goes by the ratio of those. */
export const upsample_bilinear = defineOp("upsample_bilinear", {
  in: [tensor("x", "T")],
  options: [...scaleOptions, flag("align_corners", true), halfPixelCenters],
  domains: { T: float, U: ["fp32", "int32"] },
  infer: (call) => resizedImage(call, scaled(call, factors[0], -2), scaled(call, factors[1], -1)),
  onnx(call) {
    const isAsymmetric = call.has("half_pixel_centers") && !call.flag("half_pixel_centers");
    const mode = call.flag("align_corners") ? "STRICT_ALIGN_CORNERS" : isAsymmetric ? "DEFAULT" : "UNALIGN_CORNERS";
    const rank = call.rank("x");
    return alongLast(call, scaledSizes(call), (x, axis, s) => resizedLinearly(call, x, rank, axis, mode, s));
  },
});

const targets = ["target_size_height", "target_size_width"] as const;

/**
 * Entry floor((i + ½)·in / out) of x for each result i: coremltools writes this op for TensorFlow's half-pixel centres,
 * and `upsample_nearest_neighbor` for its other mode.
 */
export const resize_nearest_neighbor = defineOp("resize_nearest_neighbor", {
  in: [tensor("x", "T")],
  options: [int("target_size_height"), int("target_size_width")],
  domains: { T: float },
  half: "moves",
  infer: (call) => resizedImage(call, call.number(targets[0]), call.number(targets[1])),
  onnx: (call) =>
    alongLast(
      call,
      targets.map((name) => call.float(call.number(name))),
      (x, axis, s) => resizedToNearest(call, x, axis, "UNALIGN_CORNERS", s),
    ),
});

export const resize_bilinear = defineOp("resize_bilinear", {
  in: [tensor("x", "T")],
  options: [int("target_size_height", 1), int("target_size_width", 1), word("sampling_mode", "DEFAULT")],
  domains: { T: float },
  infer(call) {
    samplingMode(call);
    return resizedImage(call, call.number(targets[0]), call.number(targets[1]));
  },
  onnx(call) {
    const [mode, rank] = [samplingMode(call), call.rank("x")];
    const to = targets.map((name) => call.float(call.number(name)));
    return alongLast(call, to, (x, axis, s) => resizedLinearly(call, x, rank, axis, mode, s));
  },
});

/** The last `resized_dims` dimensions take the last entries of `shape`; an entry 0 keeps the size. */
export const resize = defineOp("resize", {
  since: "iOS17",
  in: [tensor("x", "T")],
  options: [
    sizes("shape", ["int32", "int16", "uint16", "uint32"]),
    uint("resized_dims"),
    word("interpolation_mode", "LINEAR"),
    word("sampling_mode", "DEFAULT"),
  ],
  domains: { T: numeric },
  infer(call) {
    samplingMode(call);
    const interpolation = call.word("interpolation_mode");
    if (interpolation !== "LINEAR" && interpolation !== "NEAREST_NEIGHBOR") {
      call.refuse(`interpolation_mode '${interpolation}', expected LINEAR, NEAREST_NEIGHBOR`);
    }
    const { dtype, shape } = call.type("x");
    const [wanted, [given], count] = [call.content("shape"), call.shape("shape"), call.number("resized_dims")];
    if (typeof given !== "number" || count > given || given > shape.length) {
      call.refuse(`shape of ${dimsText(call.shape("shape"))} entries for ${count} dimensions of x ${dimsText(shape)}`);
    }
    const resized = shape.slice(shape.length - count).map((d, i): Dim => {
      const to = wanted?.at(i - count) ?? call.unifier.fresh("resized", 0, Number.POSITIVE_INFINITY);
      return to === 0 ? d : to;
    });
    return result(dtype, [...shape.slice(0, shape.length - count), ...resized]);
  },
  onnx(call) {
    const [rank, mode] = [call.rank("x"), samplingMode(call)];
    if (call.word("interpolation_mode") === "NEAREST_NEIGHBOR") {
      // In mode DEFAULT, 2 entries become 3 as 0, 1, 1 in coremltools' own test: pixel centres lie on each other.
      const nearest = mode === "DEFAULT" ? "UNALIGN_CORNERS" : mode;
      return alongLast(call, wantedSizes(call), (x, axis, s) => resizedToNearest(call, x, axis, nearest, s));
    }
    const isInt = !isFloat(call.dtype("x"));
    const y = alongLast(call, wantedSizes(call), (x, axis, s) =>
      resizedLinearly(call, isInt ? call.cast(x, "float") : x, rank, axis, mode, s),
    );
    return isInt ? call.cast(y, "int32") : y;
  },
});

/** The last `resized_dims` entries of `shape` as float scalars. */
function wantedSizes(call: Lowering): readonly string[] {
  const [count, numbers, rank] = [call.number("resized_dims"), call.numbers("shape"), call.rank("x")];
  return Array.from({ length: count }, (_, i) => {
    const [from, number] = [sizeOf(call, rank - count + i), numbers?.at(i - count)];
    if (number !== undefined) return number === 0 ? from : call.float(number);
    const entry = call.node(
      "Gather",
      [call.vector("shape"), call.int64((call.shape("shape")[0] as number) - count + i)],
      { axis: 0 },
    );
    const to = call.cast(entry, "float");
    return call.node("Where", [call.node("Equal", [to, call.float(0)]), from, to]);
  });
}
