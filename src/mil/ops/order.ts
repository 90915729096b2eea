// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-transformation
import type { Call } from "../call.ts";
import { addDims, type Dim, floorDivDims, minOf } from "../dim.ts";
import { flag, int, ints, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any, numeric, plain, positions } from "./domains.ts";

const BEFORE_THE_START = -Number.MAX_SAFE_INTEGER;

function reversedAxes(call: Call): readonly number[] {
  const rank = call.rank("x");
  return call.optional("axes")?.map((a) => call.axisOf(a, rank)) ?? Array.from({ length: rank }, (_, i) => i);
}

/** Backwards along the given dimensions, along all where `axes` is absent. */
export const reverse = defineOp("reverse", {
  in: [tensor("x", "T")],
  options: [ints("axes", null)],
  domains: { T: any },
  half: "moves",
  infer: (call) => {
    const { dtype, shape } = call.type("x");
    const isReversed = shape.length === 1 && reversedAxes(call).length === 1;
    return result(dtype, shape, isReversed ? call.content("x")?.toReversed() : undefined);
  },
  onnx(call) {
    const axes = reversedAxes(call);
    const all = (n: number): string => call.int64s(axes.map(() => n));
    return call.node("Slice", [call.in("x"), all(-1), all(BEFORE_THE_START), call.int64s(axes), all(-1)]);
  },
});

/** The first lengths[b] entries along `seq_axis` backwards, for each b of `batch_axis`. */
export const reverse_sequence = defineOp("reverse_sequence", {
  in: [tensor("x", "T"), tensor("lengths", positions)],
  options: [int("seq_axis", 0), int("batch_axis", 0)],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const batch = call.axis("batch_axis", shape.length);
    if (batch === call.axis("seq_axis", shape.length)) call.refuse(`seq_axis and batch_axis are both ${batch}`);
    call.unify(call.shape("lengths")[0] ?? 1, shape[batch] as Dim, "entries of lengths and examples of x");
    return result(dtype, shape);
  },
  onnx(call) {
    const rank = call.rank("x");
    const front = [call.axis("batch_axis", rank), call.axis("seq_axis", rank)];
    // ONNX takes the two in the first two dimensions only.
    const perm = [...front, ...Array.from({ length: rank }, (_, i) => i).filter((i) => !front.includes(i))];
    const x = call.node("Transpose", [call.in("x")], { perm });
    const y = call.node("ReverseSequence", [x, call.vector("lengths")], { batch_axis: 0, time_axis: 1 });
    return call.node("Transpose", [y], { perm: perm.map((_, i) => perm.indexOf(i)) });
  },
});

/** Windows of `size` entries along `axis`, `stride` apart, the entries of a window in a new dimension behind it. */
export const sliding_windows = defineOp("sliding_windows", {
  in: [tensor("x", "T")],
  options: [int("axis"), int("size"), int("stride", 1)],
  domains: { T: { iOS15: numeric, iOS17: [...numeric, "int16", "uint16", "int8", "uint8", "bool"] } },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const axis = call.axis("axis", shape.length);
    const [size, stride] = [call.number("size"), call.number("stride")];
    const room = addDims(shape[axis] as Dim, -size);
    if (minOf(room) < 0) call.refuse(`windows of ${size} along a dimension that may be smaller`);
    return result(dtype, shape.toSpliced(axis, 1, addDims(floorDivDims(room, stride), 1), size));
  },
  onnx(call) {
    const axis = call.axis("axis", call.rank("x"));
    const [size, stride] = [call.number("size"), call.number("stride")];
    const length = call.node("Gather", [call.node("Shape", [call.in("x")]), call.int64(axis)], { axis: 0 });
    const end = call.node("Sub", [length, call.int64(size - 1)]);
    const starts = call.node("Range", [call.int64(0), end, call.int64(stride)]);
    const inside = call.int64s(Array.from({ length: size }, (_, i) => i));
    const positions = call.node("Add", [call.node("Unsqueeze", [starts, call.int64s([1])]), inside]);
    return call.node("Gather", [call.in("x"), positions], { axis });
  },
});

/** The running sum along `axis`; `exclusive`: without the entry itself. */
export const cumsum = defineOp("cumsum", {
  in: [tensor("x", "T")],
  options: [int("axis", 0), flag("exclusive", false), flag("reverse", false)],
  domains: { T: numeric },
  infer(call) {
    const { dtype, shape } = call.type("x");
    call.axis("axis", shape.length);
    return result(dtype, shape);
  },
  onnx(call) {
    const axis = call.int64(call.axis("axis", call.rank("x")));
    const flags = { exclusive: Number(call.flag("exclusive")), reverse: Number(call.flag("reverse")) };
    return call.node("CumSum", [call.in("x"), axis], flags);
  },
});

/** Of each matrix the `lower` diagonals below and the `upper` above the main one; −1 keeps all. The rest is 0. */
export const band_part = defineOp("band_part", {
  in: [tensor("x", "T")],
  options: [int("lower", -1), int("upper", -1)],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    if (shape.length < 2) call.refuse(`x has rank ${shape.length}, expected 2 or more`);
    return result(dtype, shape);
  },
  onnx(call) {
    const diagonals: readonly (readonly [upper: number, k: number])[] = [
      ...(call.number("lower") < 0 ? [] : [[1, -call.number("lower")] as const]),
      ...(call.number("upper") < 0 ? [] : [[0, call.number("upper")] as const]),
    ];
    if (diagonals.length === 0) return call.node("Identity", [call.in("x")]);
    // ONNX Runtime's Trilu knows no int32.
    const isInt = call.dtype("x") === "int32";
    const x = isInt ? call.cast(call.in("x"), "int64") : call.in("x");
    const band = diagonals.reduce((y, [upper, k]) => call.node("Trilu", [y, call.int64(k)], { upper }), x);
    return isInt ? call.cast(band, "int32") : band;
  },
});

/** The positions of what is not 0, one a row. */
export const non_zero = defineOp("non_zero", {
  in: [tensor("x", "T")],
  domains: { T: plain },
  half: "moves",
  infer: (call) => result("int32", [call.unifier.fresh("found", 0, Number.POSITIVE_INFINITY), call.rank("x")]),
  onnx: (call) => call.cast(call.node("Transpose", [call.node("NonZero", [call.in("x")])], { perm: [1, 0] }), "int32"),
});
