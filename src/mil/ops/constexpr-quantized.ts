// https://apple.github.io/coremltools/docs-guides/source/opt-quantization-overview.html

import { cast } from "../../tensor/cast.ts";
import type { DType } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import { int, optionalTensor, weight, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";
import { asBlocks, shiftScaled } from "./shift-scale.ts";

export const quantized = [...float, "int8", "uint8", "int4", "uint4"] as const satisfies readonly DType[];

/** scale·(quantized_data − zero_point), both scalars or with one entry for each position on `axis`. */
export const constexpr_affine_dequantize = defineOp("constexpr_affine_dequantize", {
  since: "iOS16",
  form: "attributes",
  in: [],
  options: [weight("quantized_data", "S"), weight("zero_point", "Z"), weight("scale", "D"), int("axis")],
  domains: { D: float, S: ["int8", "uint8"], Z: ["int8", "uint8", "fp32"] },
  infer(call) {
    const shape = call.shape("quantized_data");
    const size = shape[call.axis("axis", shape.length)] as Dim;
    for (const name of ["zero_point", "scale"]) {
      const given = call.shape(name);
      if (given.length > 1) call.refuse(`${name} ${dimsText(given)}, expected a scalar or a vector`);
      if (given[0] !== undefined) call.unify(given[0], size, `entries of '${name}' and positions on the axis`);
    }
    return result(call.dtype("scale"), shape);
  },
  fold(call) {
    const data = call.tensor("quantized_data");
    const rank = data.shape.length;
    const [scale, zero] = (["scale", "zero_point"] as const).map((name) =>
      asBlocks(call.tensor(name), rank, call.axis("axis", rank)),
    );
    return [shiftScaled(data, scale as typeof data, zero)];
  },
});

/** Refuses a scale that does not cut `shape` into equal blocks, and an offset that is not like the scale. */
export function checkBlocks(call: Call, data: DType, shape: readonly Dim[]): void {
  const scale = call.shape("scale");
  const fits = (d: Dim, i: number): boolean => (shape[i] as number) % (d as number) === 0;
  if (shape.length === 0 || scale.length !== shape.length || !scale.every(fits)) {
    call.refuse(`scale ${dimsText(scale)} for data ${dimsText(shape)}`);
  }
  if (!call.has("offset")) return;
  const [offset, isFloat] = [call.type("offset"), call.dtype("offset").startsWith("fp")];
  if (dimsText(offset.shape) !== dimsText(scale))
    call.refuse(`offset ${dimsText(offset.shape)} with scale ${dimsText(scale)}`);
  if (!isFloat && offset.dtype !== data) call.refuse(`offset is ${offset.dtype}, data ${data}`);
}

/** scale·(data − offset), one scale and offset for each block of the data. */
export const constexpr_blockwise_shift_scale = defineOp("constexpr_blockwise_shift_scale", {
  since: "iOS18",
  form: "literals",
  in: [],
  options: [weight("data", "S"), weight("scale", "D"), optionalTensor("offset", "O", { binding: "const" })],
  domains: { D: float, S: quantized, O: quantized },
  infer(call) {
    const data = call.type("data");
    checkBlocks(call, data.dtype, data.shape);
    return result(call.dtype("scale"), data.shape);
  },
  fold: (call) => [
    shiftScaled(call.tensor("data"), call.tensor("scale"), call.has("offset") ? call.tensor("offset") : undefined),
  ],
});

/** Halves widened to float32. */
export const constexpr_cast = defineOp("constexpr_cast", {
  since: "iOS16",
  form: { iOS16: "attributes", iOS18: "literals" },
  in: [],
  options: [weight("source_val", ["fp16"]), word("output_dtype")],
  infer(call) {
    const wanted = call.word("output_dtype");
    if (wanted !== "fp32") call.refuse(`output_dtype '${wanted}', expected fp32`);
    return result("fp32", call.shape("source_val"));
  },
  fold: (call) => [cast(call.tensor("source_val"), "fp32")],
});
