// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#module-coremltools.converters.mil.mil.ops.defs.iOS18.tensor_transformation
import { type Dim, dimsText } from "../dim.ts";
import { flags, ints, sizes, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any, positions } from "./domains.ts";
import { ranges, sliced, slicedShape } from "./slice.ts";

/** x with the slice that `slice_by_index` would take replaced by `update`. */
export const slice_update = defineOp("slice_update", {
  since: "iOS18",
  in: [tensor("x", "T"), tensor("update", "T")],
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
    const [x, update, slice] = [call.type("x"), call.shape("update"), slicedShape(call, all)];
    if (update.length === 0) call.refuse("the update is a scalar");
    if (update.length !== slice.length) call.refuse(`update ${dimsText(update)} for a slice ${dimsText(slice)}`);
    all
      .filter((r) => !r.squeeze)
      .forEach((r, i) => {
        if (r.known) call.unify(slice[i] as Dim, update[i] as Dim, "sizes of the slice and of the update");
      });
    return result(x.dtype, x.shape);
  },
  onnx(call) {
    // The same slice of a tensor of positions says where each element of the update goes.
    const [x, flat] = [call.in("x"), call.int64s([-1])];
    const shape = call.node("Shape", [x]);
    const count = call.node("Size", [x]);
    const all = call.node("Reshape", [call.node("Range", [call.int64(0), count, call.int64(1)]), shape]);
    const places = call.node("Reshape", [sliced(call, all), flat]);
    const updates = call.node("Reshape", [call.in("update"), flat]);
    const y = call.node("ScatterElements", [call.node("Reshape", [x, flat]), places, updates], { axis: 0 });
    return call.node("Reshape", [y, shape]);
  },
});
