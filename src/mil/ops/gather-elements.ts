// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#scatter-gather
import type { Dim } from "../dim.ts";
import { flag, int, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { indices, numericOrNarrow } from "./domains.ts";

const validate = flag("validate_indices", false, { since: "iOS17" });

/** For each index the element of x at the same place, but with the index as position on `axis`. */
export const gather_along_axis = defineOp("gather_along_axis", {
  in: [tensor("x", "T"), tensor("indices", "I")],
  options: [int("axis", 0), validate],
  domains: { T: numericOrNarrow, I: indices },
  half: "moves",
  infer(call) {
    const [x, at] = [call.type("x"), call.shape("indices")];
    if (at.length !== x.shape.length) call.refuse(`x has rank ${x.shape.length}, indices have rank ${at.length}`);
    const axis = call.axis("axis", at.length);
    at.forEach((d, i) => {
      if (i !== axis) call.unify(d, x.shape[i] as Dim, `sizes of x and of indices in dimension ${i}`);
    });
    return result(x.dtype, at);
  },
  onnx: (call) =>
    call.node("GatherElements", [call.in("x"), call.in("indices")], { axis: call.axis("axis", call.rank("x")) }),
});

/** The last dimension of `indices` holds positions in the dimensions of x that follow the `batch_dims` common ones. */
export const gather_nd = defineOp("gather_nd", {
  in: [tensor("x", "T"), tensor("indices", "I")],
  options: [int("batch_dims", 0, { since: "iOS16" }), validate],
  domains: { T: numericOrNarrow, I: indices },
  half: "moves",
  infer(call) {
    const [x, at] = [call.type("x"), call.shape("indices")];
    const batch = call.target === "iOS15" ? 0 : call.number("batch_dims");
    const depth = at.at(-1);
    if (typeof depth !== "number") return call.refuse("the last dimension of indices is unknown");
    if (batch >= at.length || batch + depth > x.shape.length) {
      call.refuse(`${depth} positions behind ${batch} batch dimensions for x of rank ${x.shape.length}`);
    }
    const head = at.slice(0, batch).map((d, i) => call.unify(d, x.shape[i] as Dim, "batch dimensions"));
    return result(x.dtype, [...head, ...at.slice(batch, -1), ...x.shape.slice(batch + depth)]);
  },
  onnx(call) {
    const batch = call.target === "iOS15" ? 0 : call.number("batch_dims");
    return call.node("GatherND", [call.in("x"), call.cast(call.in("indices"), "int64")], { batch_dims: batch });
  },
});
