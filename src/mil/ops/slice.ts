// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#indexing
import type { Call } from "../call.ts";
import { addDims, ceilDivDims, type Dim, maxOf, minOf, subDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flags, ints, sizes, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any, positions } from "./domains.ts";

const OPEN_END = Number.MAX_SAFE_INTEGER;

interface Range {
  readonly begin: Dim | undefined;
  readonly end: Dim | undefined;
  readonly stride: number;
  readonly squeeze: boolean;
}

/** What the vectors say for each dimension; `begin` or `end` undefined where open (masked) or known only at run time. */
export function ranges(call: Call): readonly (Range & { readonly known: boolean })[] {
  const rank = call.rank("x");
  const vector = (name: string): readonly Dim[] | undefined => {
    const content = call.content(name);
    if (content && content.length !== rank)
      call.refuse(`parameter '${name}' has ${content.length} entries for rank ${rank}`);
    return content;
  };
  const constant = (name: string, absent: number): readonly number[] => {
    const numbers = call.optional(name) ?? Array<number>(rank).fill(absent);
    return numbers.length === rank
      ? numbers
      : call.refuse(`parameter '${name}' has ${numbers.length} entries for rank ${rank}`);
  };
  const [begin, end] = [vector("begin"), vector("end")];
  const [stride, beginMask, endMask, squeeze] = [
    constant("stride", 1),
    constant("begin_mask", 0),
    constant("end_mask", 0),
    constant("squeeze_mask", 0),
  ];
  return stride.map((step, i) => ({
    begin: beginMask[i] ? undefined : begin?.[i],
    end: endMask[i] ? undefined : end?.[i],
    stride: step === 0 ? call.refuse("stride 0") : step,
    squeeze: Boolean(squeeze[i]),
    known: (Boolean(beginMask[i]) || begin !== undefined) && (Boolean(endMask[i]) || end !== undefined),
  }));
}

/** A position counted from the start; negatives count from the end. Clamped where both are numbers, as NumPy does. */
function position(at: Dim, size: Dim, low: number): Dim {
  const absolute = maxOf(at) < 0 ? addDims(at, size) : at;
  return typeof absolute === "number" && typeof size === "number"
    ? Math.min(Math.max(absolute, low), size + Math.min(low, 0))
    : absolute;
}

/** The sizes that the ranges take of a tensor of the given shape, without the squeezed ones. */
export function slicedShape(call: Call, all: ReturnType<typeof ranges>): readonly Dim[] {
  return call.shape("x").flatMap((size, i) => {
    const r = all[i] as (typeof all)[0];
    if (r.squeeze) return [];
    return [r.known ? extent(r, size, call) : call.unifier.fresh("sliced", 0, maxOf(size))];
  });
}

/** How many elements a range takes of a dimension of `size`. */
function extent(r: Range, size: Dim, call: Call): Dim {
  if (r.stride > 0) {
    const begin = r.begin === undefined ? 0 : position(r.begin, size, 0);
    const open = r.end === undefined || minOf(r.end) >= maxOf(size);
    const end = open ? size : position(r.end as Dim, size, 0);
    const count = ceilDivDims(subDims(end, begin), r.stride);
    return typeof count === "number" ? Math.max(0, count) : count;
  }
  const last = addDims(size, -1);
  const begin = r.begin === undefined ? last : position(r.begin, size, -1);
  const end = r.end === undefined ? -1 : position(r.end, size, -1);
  const from = typeof begin === "number" && typeof last === "number" ? Math.min(begin, last) : begin;
  const count = ceilDivDims(subDims(from, end), -r.stride);
  return typeof count === "number" ? Math.max(0, count) : call.unifier.resolve(count);
}

export const slice_by_index = defineOp("slice_by_index", {
  in: [tensor("x", "T")],
  options: [
    sizes("begin", positions),
    sizes("end", positions),
    ints("stride", null),
    flags("begin_mask", null),
    flags("end_mask", null),
    flags("squeeze_mask", null),
  ],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const all = ranges(call);
    return result(call.dtype("x"), slicedShape(call, all), slicedContent(call, all));
  },
  onnx: (call) => sliced(call, call.in("x")),
});

function slicedContent(call: Call, all: ReturnType<typeof ranges>): readonly Dim[] | undefined {
  const [content, r] = [call.content("x"), all[0]];
  if (!content || !r?.known || call.rank("x") !== 1) return undefined;
  const size = content.length;
  const begin = position(r.begin ?? (r.stride > 0 ? 0 : size - 1), size, r.stride > 0 ? 0 : -1);
  if (typeof begin !== "number") return undefined;
  if (r.squeeze) return content.slice(begin, begin + 1);
  const count = extent(r, size, call);
  if (typeof count !== "number") return undefined;
  const first = r.stride < 0 ? Math.min(begin, size - 1) : begin;
  return Array.from({ length: count }, (_, i) => content[first + i * r.stride] as Dim);
}

/** Slice, then Squeeze. Open ends become the largest integers; a squeezed dimension takes one element at `begin`. `x` has the shape of parameter x. */
export function sliced(call: Lowering, x: string): string {
  const all = ranges(call);
  const one = (name: "begin" | "end"): string => {
    const [numbers, begins] = [call.numbers(name), call.numbers("begin")];
    const fixed = (i: number): number | undefined => {
      const r = all[i] as (typeof all)[0];
      const back = r.stride < 0;
      if (name === "begin") {
        const open = (call.optional("begin_mask") ?? [])[i];
        return open ? (back ? OPEN_END : 0) : numbers?.[i];
      }
      if (r.squeeze) return begins === undefined ? undefined : begins[i] === -1 ? OPEN_END : (begins[i] as number) + 1;
      const open = (call.optional("end_mask") ?? [])[i];
      return open ? (back ? -OPEN_END : OPEN_END) : numbers?.[i];
    };
    const known = all.map((_, i) => fixed(i));
    if (known.every((n) => n !== undefined)) return call.int64s(known);
    // Some entries are computed while the model runs: take those from the vector, the open ones from constants.
    const vector = call.vector(name);
    const begin = call.vector("begin");
    const parts = known.map((n, i) => {
      if (n !== undefined) return call.int64s([n]);
      const at = (v: string): string => call.node("Gather", [v, call.int64s([i])], { axis: 0 });
      if (name === "begin" || !all[i]?.squeeze) return at(vector);
      const next = call.node("Add", [at(begin), call.int64s([1])]);
      // begin = -1 selects the last element, whose end cannot be written as 0.
      const isLast = call.node("Equal", [next, call.int64s([0])]);
      return call.node("Where", [isLast, call.int64s([OPEN_END]), next]);
    });
    return call.node("Concat", parts, { axis: 0 });
  };
  const axes = call.int64s(all.map((_, i) => i));
  const y = call.node("Slice", [x, one("begin"), one("end"), axes, call.int64s(all.map((r) => r.stride))]);
  const gone = all.flatMap((r, i) => (r.squeeze ? [i] : []));
  return gone.length === 0 ? y : call.node("Squeeze", [y, call.int64s(gone)]);
}

export const slice_by_size = defineOp("slice_by_size", {
  in: [tensor("x", "T")],
  options: [sizes("begin", positions), sizes("size", positions)],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const x = call.type("x");
    const [begin, size] = [call.content("begin"), call.content("size")];
    const shape = x.shape.map((d, i): Dim => {
      const n = size?.[i];
      if (n === undefined) return call.unifier.fresh("sliced", 0, maxOf(d));
      if (n !== -1) return n;
      const from = begin?.[i];
      return from === undefined
        ? call.unifier.fresh("sliced", 0, maxOf(d))
        : subDims(d, maxOf(from) < 0 ? addDims(from, d) : from);
    });
    return result(x.dtype, shape);
  },
  onnx(call) {
    const [begin, size] = [call.vector("begin"), call.vector("size")];
    const shape = call.node("Shape", [call.in("x")]);
    const isNegative = call.node("Less", [begin, call.int64s([0])]);
    const from = call.node("Where", [isNegative, call.node("Add", [begin, shape]), begin]);
    const toEnd = call.node("Less", [size, call.int64s([0])]);
    const end = call.node("Where", [toEnd, shape, call.node("Add", [from, size])]);
    return call.node("Slice", [call.in("x"), from, end]);
  },
});
