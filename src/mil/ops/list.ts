// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#control-flow
// A list runs as one tensor, its elements behind each other in a new first dimension. The length in a list's type is the
// one it starts with: nothing but `make_list` says whether it grows, so that every list is taken to.
import type { DType } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { numbersOf } from "../constants.ts";
import { type Dim, dimsText } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, list, type Param, size, tensor, tuple, word } from "../params.ts";
import type { Value } from "../program.ts";
import { defineOp, type Result, result } from "../row.ts";
import { type ListType, tensorType, typeText } from "../types.ts";

const ls = list("ls", []);
const index = size("index");
const indices = tensor("indices", ["int32"]);
const elementTypes: readonly DType[] = ["fp16", "fp32", "int32", "bool"];
const value = tensor("value", elementTypes);

const initLength: Param<"init_length", Value | Dim, false> = {
  name: "init_length",
  dtypes: ["int32"],
  form: "scalar",
  binding: "either",
  default: 1,
};

const listOf = (call: Call): ListType => {
  const { type } = call.value("ls");
  return type.kind === "list" ? type : call.refuse(`ls is ${typeText(type)}, expected a list`);
};

/** A list of tensors of one shape. What was never written reads as 0. */
export const make_list = defineOp("make_list", {
  in: [],
  options: [initLength, flag("dynamic_length", true), tuple("elem_shape", []), word("dtype", "fp32")],
  half: "fp32",
  infer(call): Result {
    const dtype = elementTypes.find((d) => d === call.word("dtype"));
    if (dtype === undefined) return call.refuse(`dtype '${call.word("dtype")}', expected ${elementTypes.join(", ")}`);
    const [length] = call.numbers("init_length") ?? [];
    return { type: { kind: "list", element: tensorType(dtype, elementShape(call)), length } };
  },
  onnx(call) {
    const dtype = elementTypes.find((d) => d === call.word("dtype")) as DType;
    const sizes = [call.vector("init_length"), call.int64s(elementShape(call))];
    return call.node("Expand", [call.like(dtype, 0), call.node("Concat", sizes, { axis: 0 })]);
  },
});

function elementShape(call: Call): readonly number[] {
  return call.values("elem_shape").map((v) => {
    const [d] = numbersOf(v) ?? [];
    return d ?? call.refuse("elem_shape must be constant integers: an element's shape cannot depend on the data");
  });
}

/** How many elements a list has. */
export const list_length = defineOp("list_length", {
  in: [ls],
  half: "fp32",
  infer(call) {
    listOf(call);
    return result("int32", []);
  },
  onnx: (call) => call.cast(call.node("Squeeze", [lengthOf(call)]), "int32"),
});

/** The element at `index`. */
export const list_read = defineOp("list_read", {
  in: [ls, index],
  half: "fp32",
  infer: (call) => ({ type: listOf(call).element }),
  onnx: (call) => call.node("Gather", [call.in("ls"), call.in("index")], { axis: 0 }),
});

/** The elements at `indices`, behind each other. */
export const list_gather = defineOp("list_gather", {
  in: [ls, indices],
  half: "fp32",
  infer(call) {
    const { element } = listOf(call);
    return result(element.dtype, [countOf(call), ...element.shape]);
  },
  onnx: (call) => call.node("Gather", [call.in("ls"), call.in("indices")], { axis: 0 }),
});

/** The list with `value` at `index`, grown to hold it if it must. */
export const list_write = defineOp("list_write", {
  in: [ls, index, value],
  half: "fp32",
  infer: (call) => written(call, call.shape("value")),
  onnx: (call) => updated(call, call.vector("index"), call.node("Unsqueeze", [call.in("value"), call.int64s([0])])),
});

/** The list with the entries of `value` at `indices`, grown to hold them if it must. */
export const list_scatter = defineOp("list_scatter", {
  in: [ls, indices, value],
  half: "fp32",
  infer(call) {
    call.unify(call.shape("value")[0] ?? 1, countOf(call), "entries of value and indices");
    return written(call, call.shape("value").slice(1));
  },
  onnx: (call) => updated(call, call.vector("indices"), call.in("value")),
});

function countOf(call: Call): Dim {
  const [count, ...more] = call.shape("indices");
  return count === undefined || more.length > 0
    ? call.refuse(`indices ${dimsText(call.shape("indices"))}, expected a vector`)
    : count;
}

/** The same list, checked to hold elements of `shape`. */
function written(call: Call, shape: readonly Dim[]): Result {
  const type = listOf(call);
  const { element } = type;
  if (call.dtype("value") !== element.dtype || shape.length !== element.shape.length) {
    call.refuse(`value is ${typeText(call.type("value"))}, the list's elements are ${typeText(element)}`);
  }
  shape.forEach((d, i) => call.unify(element.shape[i] as Dim, d, `sizes ${i} of value and of the list's elements`));
  return { type };
}

const lengthOf = (call: Lowering): string => call.node("Shape", [call.in("ls")], { start: 0, end: 1 });

/** The list with `rows` at the positions `at`, an int64 vector. */
function updated(call: Lowering, at: string, rows: string): string {
  return call.node("ScatterND", [grown(call, at), call.node("Unsqueeze", [at, call.int64s([1])]), rows]);
}

/** The list, with zeros behind it if the last of the positions `at` lies beyond its end. */
function grown(call: Lowering, at: string): string {
  const { element } = listOf(call);
  const needed = call.node("Add", [call.node("ReduceMax", [at], { keepdims: 1 }), call.int64(1)]);
  const missing = call.node("Max", [call.node("Sub", [needed, lengthOf(call)]), call.int64(0)]);
  const sizes = call.node("Concat", [missing, call.int64s(element.shape as readonly number[])], { axis: 0 });
  const zeros = call.node("Expand", [call.like(element.dtype, 0), sizes]);
  return call.node("Concat", [call.in("ls"), zeros], { axis: 0 });
}
