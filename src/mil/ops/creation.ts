// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-operation
import type { DType } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { isTrackable } from "../constants.ts";
import type { Dim } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { int, real, size, sizes, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { plain } from "./domains.ts";

/** A vector of `count` equal integers, where inference follows those. */
function uniform(dtype: DType, shape: readonly Dim[], value: number): readonly Dim[] | undefined {
  const count = shape.length === 0 ? 1 : (shape[0] as Dim);
  const isFollowed = dtype === "int32" && shape.length <= 1 && isTrackable(count);
  return isFollowed ? Array<number>(count).fill(value) : undefined;
}

/** `value` everywhere in a tensor of the given shape. */
export const fill = defineOp("fill", {
  in: [sizes("shape")],
  options: [real("value", "T", 0)],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const dtype = valueDtype(call);
    const shape = call.content("shape");
    if (shape) return result(dtype, shape, uniform(dtype, shape, call.number("value")));
    const [rank] = call.shape("shape");
    if (typeof rank !== "number") return call.refuse("the rank of the result is unknown");
    return result(
      dtype,
      Array.from({ length: rank }, () => call.unifier.fresh("filled", 0, Number.POSITIVE_INFINITY)),
    );
  },
  onnx: (call) => call.node("Expand", [call.like(valueDtype(call), call.number("value")), call.vector("shape")]),
});

const valueDtype = (call: Call): DType => (call.has("value") ? call.dtype("value") : "fp32");

/** `value` everywhere in a tensor of the shape of another. */
export const fill_like = defineOp("fill_like", {
  since: "iOS16",
  in: [tensor("ref_tensor", "T")],
  options: [real("value", "U", 0)],
  domains: { T: plain, U: plain },
  half: "moves",
  infer(call) {
    const [dtype, shape] = [valueDtype(call), call.shape("ref_tensor")];
    return result(dtype, shape, uniform(dtype, shape, call.number("value")));
  },
  onnx(call) {
    const shape = call.node("Shape", [call.in("ref_tensor")]);
    return call.node("Expand", [call.like(valueDtype(call), call.number("value")), shape]);
  },
});

/** The sizes of x. */
export const shape = defineOp("shape", {
  in: [tensor("x", "T")],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const of = call.shape("x");
    return result("int32", [of.length], of);
  },
  onnx: (call) => call.cast(call.node("Shape", [call.in("x")]), "int32"),
});

/** on_value at position `indices` of a new dimension, off_value elsewhere. An index that is out of range picks none. */
export const one_hot = defineOp("one_hot", {
  in: [tensor("indices", ["int32"])],
  options: [size("one_hot_vector_size"), int("axis", -1), real("on_value", "T", 1), real("off_value", "T", 0)],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const of = call.shape("indices");
    const depth =
      call.content("one_hot_vector_size")?.[0] ?? call.unifier.fresh("classes", 0, Number.POSITIVE_INFINITY);
    return result(onDtype(call), of.toSpliced(newAxis(call), 0, depth));
  },
  onnx(call) {
    const [axis, rank, dtype] = [newAxis(call), call.rank("indices"), onDtype(call)];
    const classes = call.node("Range", [call.int32(0), call.in("one_hot_vector_size"), call.int32(1)]);
    const wide = call.node("Reshape", [classes, call.int64s([-1, ...Array<number>(rank - axis).fill(1)])]);
    const isOn = call.node("Equal", [call.node("Unsqueeze", [call.in("indices"), call.int64s([axis])]), wide]);
    const [on, off] = [call.number("on_value"), call.number("off_value")];
    if (dtype !== "bool") return call.node("Where", [isOn, call.like(dtype, on), call.like(dtype, off)]);
    return chosen(call, isOn, on !== 0, off !== 0);
  },
});

const onDtype = (call: Call): DType => (call.has("on_value") ? call.dtype("on_value") : "fp32");

function newAxis(call: Call): number {
  return call.axis("axis", call.rank("indices") + 1);
}

/** A choice between two booleans: ONNX Runtime has no Where for them. */
function chosen(call: Lowering, condition: string, yes: boolean, no: boolean): string {
  const [positive, negative] = [call.node("And", [condition, call.bool(yes)]), call.node("Not", [condition])];
  return call.node("Or", [positive, call.node("And", [negative, call.bool(no)])]);
}
