// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-transformation
import type { Call } from "../call.ts";
import { isTrackable } from "../constants.ts";
import { type Dim, dimsText, mulDims } from "../dim.ts";
import { int, ints, sizes, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any, plain } from "./domains.ts";

/** The dimensions of x in the order `perm`. */
export const transpose = defineOp("transpose", {
  in: [tensor("x", "T")],
  options: [ints("perm")],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    return result(
      dtype,
      order(call).map((i) => shape[i] as Dim),
      shape.length <= 1 ? call.content("x") : undefined,
    );
  },
  onnx: (call) => call.node("Transpose", [call.in("x")], { perm: order(call) }),
});

function order(call: Call): readonly number[] {
  const rank = call.rank("x");
  const perm = call.ints("perm").map((a) => call.axisOf(a, rank));
  if (perm.length !== rank || new Set(perm).size !== rank) call.refuse(`perm [${call.ints("perm")}] for rank ${rank}`);
  return perm;
}

/** New dimensions of size 1, at positions in the result. */
export const expand_dims = defineOp("expand_dims", {
  in: [tensor("x", "T")],
  options: [ints("axes")],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const axes = newAxes(call);
    const old = shape[Symbol.iterator]();
    const wide = Array.from(
      { length: shape.length + axes.length },
      (_, i): Dim => (axes.includes(i) ? 1 : (old.next().value as Dim)),
    );
    return result(dtype, wide, wide.length <= 1 ? call.content("x") : undefined);
  },
  onnx: (call) => call.node("Unsqueeze", [call.in("x"), call.int64s(newAxes(call))]),
});

function newAxes(call: Call): readonly number[] {
  const given = call.ints("axes");
  const axes = given.map((a) => call.axisOf(a, call.rank("x") + given.length));
  if (new Set(axes).size !== axes.length) call.refuse(`axes [${given}] name one position twice`);
  return axes;
}

/** Without the given dimensions, which must be 1; without all that are known to be 1 where `axes` is absent. */
export const squeeze = defineOp("squeeze", {
  in: [tensor("x", "T")],
  options: [ints("axes", null)],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const gone = squeezedAxes(call);
    for (const a of gone) call.unify(shape[a] as Dim, 1, `the size of dimension ${a} and 1`);
    const left = shape.filter((_, i) => !gone.includes(i));
    return result(dtype, left, shape.length <= 1 ? call.content("x") : undefined);
  },
  onnx: (call) => call.node("Squeeze", [call.in("x"), call.int64s(squeezedAxes(call))]),
});

function squeezedAxes(call: Call): readonly number[] {
  const shape = call.shape("x");
  const axes = call.optional("axes");
  return axes?.map((a) => call.axisOf(a, shape.length)) ?? shape.flatMap((d, i) => (d === 1 ? [i] : []));
}

/** [Π x.shape[:axis], Π x.shape[axis:]] */
export const flatten2d = defineOp("flatten2d", {
  in: [tensor("x", "T")],
  options: [int("axis", 1)],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const axis = call.number("axis");
    if (axis < -shape.length || axis > shape.length) call.refuse(`axis ${axis} of rank ${shape.length}`);
    const [head, tail] = [shape.slice(0, axis), shape.slice(axis)].map((dims) => dims.reduce(mulDims, 1));
    return result(dtype, [head as Dim, tail as Dim]);
  },
  onnx: (call) => call.node("Flatten", [call.in("x")], { axis: call.number("axis") }),
});

/** Dimension i repeated reps[i] times. */
export const tile = defineOp("tile", {
  in: [tensor("x", "T")],
  options: [sizes("reps")],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const reps = call.content("reps");
    if (!reps) {
      call.unify(call.shape("reps")[0] ?? 1, shape.length, "entries of reps and the rank of x");
      return result(
        dtype,
        shape.map(() => call.unifier.fresh("tiled", 0, Number.POSITIVE_INFINITY)),
      );
    }
    if (reps.length !== shape.length) call.refuse(`reps ${dimsText(reps)} for x ${dimsText(shape)}`);
    const tiled = shape.map((d, i) => mulDims(d, reps[i] as Dim));
    return result(dtype, tiled, repeated(call, reps));
  },
  onnx: (call) => call.node("Tile", [call.in("x"), call.vector("reps")]),
});

function repeated(call: Call, reps: readonly Dim[]): readonly Dim[] | undefined {
  const [content, [count]] = [call.content("x"), reps];
  if (!content || reps.length !== 1 || typeof count !== "number" || !isTrackable(content.length * count))
    return undefined;
  return Array<readonly Dim[]>(count).fill(content).flat();
}
