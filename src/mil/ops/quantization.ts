// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#module-coremltools.converters.mil.mil.ops.defs.iOS17.quantization_ops
import type { Call } from "../call.ts";
import type { Dim } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { optionalTensor, type Param, tensor, weight, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";

const bytes = ["int8", "uint8"] as const;
const axis: Param<"axis", number, false> = {
  name: "axis",
  dtypes: ["int32"],
  form: "scalar",
  binding: "const",
  default: null,
};

/** A scalar scale has no axis, a vector has one entry for each position on it; the zero point has the same form. */
function checkScale(call: Call): void {
  const [scale, shape] = [call.shape("scale"), call.shape("input")];
  if (call.has("zero_point") && call.rank("zero_point") !== scale.length) {
    call.refuse(`scale has rank ${scale.length}, zero_point has rank ${call.rank("zero_point")}`);
  }
  if (scale.length === 0) {
    if (call.has("axis")) call.refuse("an axis with a scalar scale");
    return;
  }
  if (scale.length > 1 || !call.has("axis")) call.refuse("scale must be a scalar, or a vector with an axis");
  for (const name of ["scale", "zero_point"].filter((n) => call.has(n))) {
    const size = shape[call.axis("axis", shape.length)] as Dim;
    call.unify(call.shape(name)[0] as Dim, size, `entries of '${name}' and positions on the axis`);
  }
}

/** A scale or zero point in a shape that broadcasts with the input. */
function onAxis(call: Lowering, name: string): string {
  if (call.rank(name) === 0) return call.in(name);
  const rank = call.rank("input");
  const at = call.axis("axis", rank);
  return call.node("Reshape", [call.in(name), call.int64s([-1, ...Array<number>(rank - at - 1).fill(1)])]);
}

/** clip(round(input / scale) + zero_point), halves rounded to even. */
export const quantize = defineOp("quantize", {
  since: "iOS17",
  in: [tensor("input", "S")],
  options: [optionalTensor("zero_point", "D", { binding: "const" }), weight("scale", "S"), axis, word("output_dtype")],
  domains: { S: float, D: bytes },
  infer(call) {
    checkScale(call);
    const wanted = call.word("output_dtype");
    const dtype =
      bytes.find((d) => d === wanted) ?? call.refuse(`output_dtype '${wanted}', expected ${bytes.join(", ")}`);
    if (call.has("zero_point") && call.dtype("zero_point") !== dtype) {
      call.refuse(`zero_point is ${call.dtype("zero_point")}, output_dtype ${dtype}`);
    }
    return result(dtype, call.shape("input"));
  },
  onnx(call) {
    const steps = call.node("Round", [call.node("Div", [call.in("input"), onAxis(call, "scale")])]);
    const shifted = call.has("zero_point")
      ? call.node("Add", [steps, call.cast(onAxis(call, "zero_point"), "float")])
      : steps;
    const [low, high] = call.word("output_dtype") === "int8" ? [-128, 127] : [0, 255];
    return call.cast(call.node("Clip", [shifted, call.float(low as number), call.float(high as number)]), "int32");
  },
});

/** scale·(input − zero_point). */
export const dequantize = defineOp("dequantize", {
  since: "iOS17",
  in: [tensor("input", "S")],
  options: [optionalTensor("zero_point", "S", { binding: "const" }), weight("scale", "D"), axis],
  domains: { S: bytes, D: float },
  infer(call) {
    checkScale(call);
    return result(call.dtype("scale"), call.shape("input"));
  },
  onnx(call) {
    const shifted = call.has("zero_point")
      ? call.node("Sub", [call.in("input"), onAxis(call, "zero_point")])
      : call.in("input");
    return call.node("Mul", [onAxis(call, "scale"), call.cast(shifted, "float")]);
  },
});
