// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#reduction
import { type DType, isFloat } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import type { Dim } from "../dim.ts";
import { flag, int, ints, tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { type DimArithmetic, larger, product, smaller, sum } from "./content.ts";
import { numeric } from "./domains.ts";

/** The reduced dimensions; all of them where `axes` is absent. */
function axesOf(call: Call, rank: number): readonly number[] {
  return call.optional("axes")?.map((a) => call.axisOf(a, rank)) ?? Array.from({ length: rank }, (_, i) => i);
}

const reducedShape = (shape: readonly Dim[], axes: readonly number[], keep: boolean): readonly Dim[] =>
  shape.flatMap((d, i) => (axes.includes(i) ? (keep ? [1] : []) : [d]));

/** `inFloat`: integers are reduced as floats, where ONNX Runtime lacks the integer kernel. */
const reduction = (name: string, onnx: string, more: { content?: DimArithmetic; inFloat?: boolean } = {}) =>
  defineOp(name, {
    in: [tensor("x", "T")],
    options: [ints("axes", null), flag("keep_dims", false)],
    domains: { T: numeric },
    infer(call) {
      const { dtype, shape } = call.type("x");
      const axes = axesOf(call, shape.length);
      const content = more.content && shape.length === 1 && axes.length === 1 ? folded(call, more.content) : undefined;
      return result(dtype, reducedShape(shape, axes, call.flag("keep_dims")), content);
    },
    onnx(call) {
      const isDetour = more.inFloat === true && !isFloat(call.dtype("x"));
      const x = isDetour ? call.cast(call.in("x"), "float") : call.in("x");
      const axes = call.int64s(axesOf(call, call.rank("x")));
      const y = call.node(onnx, [x, axes], { keepdims: Number(call.flag("keep_dims")), noop_with_empty_axes: 1 });
      return isDetour ? call.cast(y, "int32") : y;
    },
  });

function folded(call: Call, f: DimArithmetic): readonly Dim[] | undefined {
  const [first, ...rest] = call.content("x") ?? [];
  const total = rest.reduce<Dim | undefined>((a, b) => (a === undefined ? undefined : f(a, b)), first);
  return total === undefined ? undefined : [total];
}

export const reduce_l1_norm = reduction("reduce_l1_norm", "ReduceL1");
export const reduce_l2_norm = reduction("reduce_l2_norm", "ReduceL2", { inFloat: true });
export const reduce_log_sum = reduction("reduce_log_sum", "ReduceLogSum", { inFloat: true });
export const reduce_log_sum_exp = reduction("reduce_log_sum_exp", "ReduceLogSumExp", { inFloat: true });
export const reduce_max = reduction("reduce_max", "ReduceMax", { content: larger });
export const reduce_mean = reduction("reduce_mean", "ReduceMean", { inFloat: true });
export const reduce_min = reduction("reduce_min", "ReduceMin", { content: smaller });
export const reduce_prod = reduction("reduce_prod", "ReduceProd", { content: product });
export const reduce_sum = reduction("reduce_sum", "ReduceSum", { content: sum });
export const reduce_sum_square = reduction("reduce_sum_square", "ReduceSumSquare");

/** Where the largest (smallest) entry along an axis stands, the first of equals. */
const position = (name: string, onnx: string) =>
  defineOp(name, {
    in: [tensor("x", "T")],
    options: [int("axis", -1), flag("keep_dims", false), word("output_dtype", "int32", { since: "iOS17" })],
    domains: { T: numeric },
    infer(call) {
      const shape = call.shape("x");
      const axis = call.axis("axis", shape.length);
      return result(positionDtype(call), reducedShape(shape, [axis], call.flag("keep_dims")));
    },
    onnx(call) {
      const axis = call.axis("axis", call.rank("x"));
      const y = call.node(onnx, [call.in("x")], { axis, keepdims: Number(call.flag("keep_dims")) });
      return call.cast(y, "int32");
    },
  });

function positionDtype(call: Call): DType {
  if (call.target === "iOS15" || call.target === "iOS16") return "int32";
  const wanted = call.word("output_dtype");
  return wanted === "int32" || wanted === "uint16"
    ? wanted
    : call.refuse(`output_dtype '${wanted}', expected int32, uint16`);
}

export const reduce_argmax = position("reduce_argmax", "ArgMax");
export const reduce_argmin = position("reduce_argmin", "ArgMin");
