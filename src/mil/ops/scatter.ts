// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#scatter-gather
import { isFloat } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import type { Lowering, OnnxAttribute } from "../lowering.ts";
import { flag, int, tensor, word } from "../params.ts";
import { defineOp, type Result, result } from "../row.ts";
import { numeric } from "./domains.ts";

const operands = [tensor("data", "T"), tensor("indices", ["int32"]), tensor("updates", "T")] as const;
const axis = int("axis", 0);
const mode = word("mode", "add");
const validate = flag("validate_indices", false, { since: "iOS17" });

/** ONNX's `reduction` for each mode; sub and div add the negative and multiply by the inverse. */
const reductions: Readonly<Record<string, string>> = {
  update: "none",
  add: "add",
  sub: "add",
  mul: "mul",
  div: "mul",
  max: "max",
  min: "min",
};

function scattered(call: Call, expected: readonly Dim[]): Result {
  const [data, updates] = [call.type("data"), call.shape("updates")];
  if (!Object.hasOwn(reductions, call.word("mode"))) {
    call.refuse(`mode '${call.word("mode")}', expected ${Object.keys(reductions).join(", ")}`);
  }
  if (updates.length !== expected.length) call.refuse(`updates ${dimsText(updates)}, expected ${dimsText(expected)}`);
  updates.forEach((d, i) => call.unify(d, expected[i] as Dim, "sizes of updates and of what they replace"));
  return result(data.dtype, data.shape);
}

/** Runs `op` on data, indices and updates with the reduction that the mode asks for. */
function reduced(call: Lowering, op: string, at: string, attributes: Readonly<Record<string, OnnxAttribute>>): string {
  const kind = call.word("mode");
  const run = (data: string, updates: string): string =>
    call.node(op, [data, at, updates], { ...attributes, reduction: reductions[kind] as string });
  const [data, updates] = [call.in("data"), call.in("updates")];
  if (kind === "sub") return run(data, call.node("Neg", [updates]));
  if (kind !== "div") return run(data, updates);
  if (isFloat(call.dtype("data"))) return run(data, call.node("Reciprocal", [updates]));
  const inverse = call.node("Reciprocal", [call.cast(updates, "float")]);
  return call.cast(run(call.cast(data, "float"), inverse), "int32");
}

/** Slices of `updates` along `axis` go to (or are combined with) the slices of data that the vector `indices` names. */
export const scatter = defineOp("scatter", {
  in: operands,
  options: [axis, mode, validate],
  domains: { T: numeric },
  infer(call) {
    const shape = call.shape("data");
    return scattered(call, shape.toSpliced(call.axis("axis", shape.length), 1, ...call.shape("indices")));
  },
  onnx(call) {
    const [rank, at] = [call.rank("data"), call.axis("axis", call.rank("data"))];
    const column = Array.from({ length: rank }, (_, i) => (i === at ? -1 : 1));
    const wide = call.node("Reshape", [call.in("indices"), call.int64s(column)]);
    const everywhere = call.node("Expand", [wide, call.node("Shape", [call.in("updates")])]);
    return reduced(call, "ScatterElements", everywhere, { axis: at });
  },
});

/** Each update goes to (or is combined with) the element at its own place, but with the index as position on `axis`. */
export const scatter_along_axis = defineOp("scatter_along_axis", {
  in: operands,
  options: [axis, mode, validate],
  domains: { T: numeric },
  infer(call) {
    const [data, at] = [call.shape("data"), call.shape("indices")];
    if (at.length !== data.length) call.refuse(`data has rank ${data.length}, indices have rank ${at.length}`);
    const along = call.axis("axis", data.length);
    at.forEach((d, i) => {
      if (i !== along) call.unify(d, data[i] as Dim, `sizes of data and of indices in dimension ${i}`);
    });
    return scattered(call, at);
  },
  onnx: (call) => reduced(call, "ScatterElements", call.in("indices"), { axis: call.axis("axis", call.rank("data")) }),
});

/** The last dimension of `indices` holds positions in the first dimensions of data. */
export const scatter_nd = defineOp("scatter_nd", {
  in: operands,
  options: [mode, validate],
  domains: { T: numeric },
  infer(call) {
    const [data, at] = [call.shape("data"), call.shape("indices")];
    const depth = at.at(-1);
    if (typeof depth !== "number") return call.refuse("the last dimension of indices is unknown");
    if (depth > data.length) call.refuse(`${depth} positions for data of rank ${data.length}`);
    return scattered(call, [...at.slice(0, -1), ...data.slice(depth)]);
  },
  onnx: (call) => reduced(call, "ScatterND", call.cast(call.in("indices"), "int64"), {}),
});
