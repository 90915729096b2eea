// https://apple.github.io/coremltools/docs-guides/source/opt-overview.html and the iOS16, iOS18 definitions of the constexpr ops
import type { DType } from "../../tensor/dtype.ts";
import { dimsText } from "../dim.ts";
import { type Param, weight } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { lutToDense, unpackedLut } from "./decode.ts";

export const lutIndices = ["uint1", "uint2", "uint3", "uint4", "uint6", "uint8"] as const satisfies readonly DType[];
export const lutDtypes = ["fp16", "fp32", "int8", "uint8"] as const satisfies readonly DType[];
export const constantInt = <const N extends string>(name: N): Param<N, number, false> => ({
  name,
  dtypes: ["int32"],
  form: "scalar",
  binding: "const",
  default: null,
  since: "iOS18",
});

/** Below iOS18 the indices are packed bytes and `shape` says what they index; from iOS18 they have the shape themselves. */
export const constexpr_lut_to_dense = defineOp("constexpr_lut_to_dense", {
  since: "iOS16",
  form: { iOS16: "attributes", iOS18: "literals" },
  in: [],
  options: [
    weight("indices", { iOS16: ["uint8"], iOS18: lutIndices }),
    weight("lut", "T"),
    weight("shape", ["uint32"], { until: "iOS18" }),
    constantInt("vector_axis"),
  ],
  domains: { T: lutDtypes },
  infer(call) {
    const lut = call.type("lut");
    if (call.has("shape")) return result(lut.dtype, call.ints("shape"));
    const shape = call.shape("indices") as readonly number[];
    if (lut.shape.length !== shape.length + 2) call.refuse(`lut ${dimsText(lut.shape)} for indices ${dimsText(shape)}`);
    const vector = lut.shape.at(-1) as number;
    if (vector === 1) return result(lut.dtype, shape);
    const axis = call.axis("vector_axis", shape.length);
    return result(lut.dtype, shape.with(axis, (shape[axis] as number) * vector));
  },
  fold: (call) =>
    call.has("shape")
      ? [unpackedLut(call.tensor("indices"), call.tensor("lut"), call.ints("shape"))]
      : [lutToDense(call.tensor("indices"), call.tensor("lut"), call.optional("vector_axis")?.[0])],
});
