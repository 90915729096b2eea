// https://apple.github.io/coremltools/docs-guides/source/opt-pruning-overview.html
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import { optionalTensor, weight } from "../params.ts";
import { defineOp, type Result, result } from "../row.ts";
import { constantInt, lutDtypes, lutIndices } from "./constexpr.ts";
import { checkBlocks, quantized } from "./constexpr-quantized.ts";
import { lutToDense, unpacked } from "./decode.ts";
import { float } from "./domains.ts";
import { shiftScaled } from "./shift-scale.ts";
import { repeatedAlong, selected, sparseToDense } from "./sparse.ts";

/** nonzero_data where the mask is 1, else 0. Below iOS18 the mask is packed bytes and `shape` says what they cover. */
export const constexpr_sparse_to_dense = defineOp("constexpr_sparse_to_dense", {
  since: "iOS16",
  form: { iOS16: "attributes", iOS18: "literals" },
  in: [],
  options: [
    weight("nonzero_data", "T"),
    weight("mask", { iOS16: ["uint8"], iOS18: ["uint1"] }),
    weight("shape", ["uint32"], { until: "iOS18" }),
  ],
  domains: { T: { iOS16: lutDtypes, iOS18: quantized } },
  infer: (call) => result(call.dtype("nonzero_data"), call.has("shape") ? call.ints("shape") : call.shape("mask")),
  fold(call) {
    const mask = call.tensor("mask");
    return [
      sparseToDense(call.tensor("nonzero_data"), call.has("shape") ? unpacked(mask, 1, call.ints("shape")) : mask),
    ];
  },
});

/** The vector's length and the axis it fills, of a look-up table over indices of rank `rank`. */
function vectorOf(call: Call, rank: number): { readonly length: number; readonly axis: number } {
  const lut = call.shape("lut");
  if (lut.length !== rank + 2) call.refuse(`lut ${dimsText(lut)} for indices of rank ${rank}`);
  const length = lut.at(-1) as number;
  return { length, axis: length === 1 ? 0 : call.axis("vector_axis", rank) };
}

/** Looks the non-zero indices up; gives the mask and the non-zero values. */
export const constexpr_lut_to_sparse = defineOp("constexpr_lut_to_sparse", {
  since: "iOS18",
  form: "literals",
  in: [],
  options: [
    weight("indices_mask", ["uint1"]),
    weight("indices_nonzero_data", lutIndices),
    weight("lut", "T"),
    constantInt("vector_axis"),
  ],
  domains: { T: lutDtypes },
  many: true,
  infer(call): readonly Result[] {
    const [mask, [count]] = [call.shape("indices_mask"), call.shape("indices_nonzero_data")];
    const { length, axis } = vectorOf(call, mask.length);
    const wide = mask.map((d, i): Dim => (i === axis ? (d as number) * length : d));
    return [result("uint1", wide), result(call.dtype("lut"), [(count as number) * length])];
  },
  fold(call) {
    const mask = call.tensor("indices_mask");
    const { length, axis } = vectorOf(call, mask.shape.length);
    const nonzero = call.tensor("indices_nonzero_data");
    const values = lutToDense(sparseToDense(nonzero, mask), call.tensor("lut"), axis);
    const wide = repeatedAlong(mask, axis, length);
    return [wide, selected(values, wide, (nonzero.shape[0] as number) * length)];
  },
});

/** scale·(data − offset) of the non-zero data; gives the mask and the non-zero values. */
export const constexpr_sparse_blockwise_shift_scale = defineOp("constexpr_sparse_blockwise_shift_scale", {
  since: "iOS18",
  form: "literals",
  in: [],
  options: [
    weight("data_mask", ["uint1"]),
    weight("nonzero_data", "S"),
    weight("scale", "D"),
    optionalTensor("offset", "O", { binding: "const" }),
  ],
  domains: { D: float, S: quantized, O: quantized },
  many: true,
  infer(call): readonly Result[] {
    const [mask, nonzero] = [call.shape("data_mask"), call.type("nonzero_data")];
    checkBlocks(call, nonzero.dtype, mask);
    return [result("uint1", mask), result(call.dtype("scale"), nonzero.shape)];
  },
  fold(call) {
    const [mask, nonzero] = [call.tensor("data_mask"), call.tensor("nonzero_data")];
    const offset = call.has("offset") ? call.tensor("offset") : undefined;
    const dense = shiftScaled(sparseToDense(nonzero, mask), call.tensor("scale"), offset);
    return [mask, selected(dense, mask, nonzero.shape[0] as number)];
  },
});
