// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-operation
import type { Call } from "../call.ts";
import { addDims, type Dim, dimsText, floorDivDims, mulDims } from "../dim.ts";
import { flag, int, ints, tensor, tuple } from "../params.ts";
import { defineOp, type Result, result } from "../row.ts";
import { plain } from "./domains.ts";

function sameDtype(call: Call): void {
  const dtypes = new Set(call.types("values").map((t) => t.dtype));
  if (dtypes.size > 1) call.refuse(`values are ${[...dtypes].join(" and ")}`);
}

export const concat = defineOp("concat", {
  in: [],
  options: [tuple("values", []), int("axis"), flag("interleave", false)],
  half: "moves",
  infer(call) {
    sameDtype(call);
    const types = call.types("values");
    const [first] = types;
    if (!first) return call.refuse("no values");
    if (types.every((t) => t.shape.length === 0)) return result(first.dtype, [types.length], joined(call));
    const rank = first.shape.length;
    const axis = call.axis("axis", rank);
    const shape = [...first.shape];
    for (const t of types.slice(1)) {
      if (t.shape.length !== rank) call.refuse(`${dimsText(first.shape)} and ${dimsText(t.shape)} differ in rank`);
      t.shape.forEach((d, i) => {
        if (i === axis && call.flag("interleave")) call.unify(d, first.shape[i] as Dim, "interleaved sizes");
        shape[i] = i === axis ? addDims(shape[i] as Dim, d) : call.unify(shape[i] as Dim, d, `sizes of dimension ${i}`);
      });
    }
    return result(first.dtype, shape, rank === 1 && !call.flag("interleave") ? joined(call) : undefined);
  },
  onnx(call) {
    const types = call.types("values");
    const inputs = call.ins("values");
    const [first] = types;
    if (!first) return call.refuse("no values");
    if (first.shape.length === 0) {
      return call.node(
        "Concat",
        inputs.map((x) => call.node("Reshape", [x, call.int64s([1])])),
        { axis: 0 },
      );
    }
    const axis = call.axis("axis", first.shape.length);
    if (!call.flag("interleave")) return call.node("Concat", inputs, { axis });
    // Element i of every value, then element i + 1: a new axis behind, joined there and folded in.
    const wide = inputs.map((x) => call.node("Unsqueeze", [x, call.int64s([axis + 1])]));
    const stacked = call.node("Concat", wide, { axis: axis + 1 });
    const shape = call.node("Shape", [inputs[0] as string]);
    const scale = first.shape.map((_, i) => (i === axis ? inputs.length : 1));
    return call.node("Reshape", [stacked, call.node("Mul", [shape, call.int64s(scale)])]);
  },
});

function joined(call: Call): readonly Dim[] | undefined {
  const contents = call.values("values").map((v) => v.content?.map((d) => call.unifier.resolve(d)));
  return contents.every((c) => c !== undefined) ? contents.flat() : undefined;
}

export const stack = defineOp("stack", {
  in: [],
  options: [tuple("values", []), int("axis")],
  half: "moves",
  infer(call) {
    sameDtype(call);
    const types = call.types("values");
    const [first] = types;
    if (!first) return call.refuse("no values");
    const shape = first.shape.map((d, i) =>
      types.reduce((s, t) => call.unify(s, t.shape[i] ?? 1, `sizes of dimension ${i}`), d),
    );
    const axis = call.axis("axis", first.shape.length + 1);
    return result(
      first.dtype,
      shape.toSpliced(axis, 0, types.length),
      first.shape.length === 0 ? joined(call) : undefined,
    );
  },
  onnx(call) {
    const axis = call.axis("axis", (call.types("values")[0]?.shape.length ?? 0) + 1);
    return call.node(
      "Concat",
      call.ins("values").map((x) => call.node("Unsqueeze", [x, call.int64s([axis])])),
      { axis },
    );
  },
});

export const split = defineOp("split", {
  in: [tensor("x", "T")],
  options: [int("num_splits", null), ints("split_sizes", null), int("axis")],
  domains: { T: plain },
  many: true,
  half: "moves",
  infer(call) {
    const x = call.type("x");
    const axis = call.axis("axis", x.shape.length);
    return parts(call, x.shape[axis] as Dim).map((size): Result => result(x.dtype, x.shape.with(axis, size)));
  },
  onnx(call) {
    const axis = call.axis("axis", call.rank("x"));
    const sizes = parts(call, call.shape("x")[axis] as Dim);
    const fixed = sizes.every((d) => typeof d === "number");
    return call.nodes(
      "Split",
      fixed ? [call.in("x"), call.int64s(sizes)] : [call.in("x")],
      { axis, ...(fixed ? {} : { num_outputs: sizes.length }) },
      sizes.length,
    );
  },
});

function parts(call: Call, size: Dim): readonly Dim[] {
  const [count, sizes] = [call.optional("num_splits")?.[0], call.optional("split_sizes")];
  if (sizes) {
    if (count !== undefined && count !== sizes.length)
      call.refuse(`num_splits ${count} with ${sizes.length} split_sizes`);
    call.unify(
      size,
      sizes.reduce((a, b) => a + b, 0),
      "the size and the sum of split_sizes",
    );
    return sizes;
  }
  if (count === undefined || count < 1) return call.refuse("needs num_splits or split_sizes");
  const part = floorDivDims(size, count);
  if (typeof size === "number") call.unify(size, mulDims(part, count), `the size and ${count} equal parts`);
  return Array<Dim>(count).fill(part);
}
