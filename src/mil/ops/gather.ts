// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#scatter-gather
import type { Dim } from "../dim.ts";
import { flag, int, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { indices, numericOrNarrow } from "./domains.ts";

const validate = flag("validate_indices", false, { since: "iOS17" });

/** x[..., indices, ...] along `axis`; the first `batch_dims` dimensions of x and indices run together. */
export const gather = defineOp("gather", {
  in: [tensor("x", "T"), tensor("indices", "I")],
  options: [int("axis", 0), int("batch_dims", 0, { since: "iOS16" }), validate],
  domains: { T: numericOrNarrow, I: indices },
  half: "moves",
  infer(call) {
    const [x, at] = [call.type("x"), call.type("indices")];
    const axis = call.axis("axis", x.shape.length);
    const batch = call.number("batch_dims");
    if (batch > axis || batch > at.shape.length)
      call.refuse(`batch_dims ${batch} with axis ${axis} and indices of rank ${at.shape.length}`);
    const head = x.shape
      .slice(0, axis)
      .map((d, i) => (i < batch ? call.unify(d, at.shape[i] as Dim, "batch dimensions") : d));
    const [content, picks] = [call.content("x"), call.content("indices")];
    const picked =
      content && picks && x.shape.length === 1 && at.shape.length <= 1
        ? picks.map((i) => (typeof i === "number" ? content.at(i) : undefined))
        : [];
    const known = picked.length > 0 && picked.every((d) => d !== undefined);
    return result(x.dtype, [...head, ...at.shape.slice(batch), ...x.shape.slice(axis + 1)], known ? picked : undefined);
  },
  onnx(call) {
    const rank = call.rank("x");
    const axis = call.axis("axis", rank);
    const batch = call.number("batch_dims");
    const at = call.in("indices");
    if (batch === 0) return call.node("Gather", [call.in("x"), at], { axis });
    // GatherND takes the gathered axis right behind the batch: move it there, pick, and move the picked axes to its place.
    const order = [...Array(rank).keys()];
    const moved = [...order.slice(0, batch), axis, ...order.slice(batch).filter((i) => i !== axis)];
    const x = call.node("Transpose", [call.in("x")], { perm: moved });
    const picks = call.node("Unsqueeze", [call.cast(at, "int64"), call.int64s([-1])]);
    const y = call.node("GatherND", [x, picks], { batch_dims: batch });
    const [width, middle, out] = [call.rank("indices") - batch, axis - batch, call.rank("indices") + rank - batch - 1];
    const positions = [...Array(out).keys()];
    const perm = [
      ...positions.slice(0, batch),
      ...positions.slice(batch + width, batch + width + middle),
      ...positions.slice(batch, batch + width),
      ...positions.slice(batch + width + middle),
    ];
    return call.node("Transpose", [y], { perm });
  },
});
