// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-operation

import { isTrackable } from "../constants.ts";
import { ceilDivDims, dimsText, isFixed, maxOf, subDims } from "../dim.ts";
import { size } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { numeric } from "./domains.ts";

/** start, start + step, … up to but not including end. */
export const range_1d = defineOp("range_1d", {
  in: [],
  options: [size("end", "T"), size("start", "T"), size("step", "T")],
  domains: { T: numeric },
  infer(call) {
    const dtype = call.dtype("start");
    const [from, to, by] = (["start", "end", "step"] as const).map((n) => {
      const known = call.numbers(n)?.[0] ?? call.content(n)?.[0];
      return known === undefined ? undefined : known;
    });
    if (from === undefined || to === undefined || typeof by !== "number") {
      return result(dtype, [call.unifier.fresh("range", 0, Number.POSITIVE_INFINITY)]);
    }
    if (by === 0) return call.refuse("step 0");
    if (isFixed([from, to])) {
      const count = Math.max(0, Math.ceil(((to as number) - (from as number)) / by));
      const values =
        dtype === "int32" && isTrackable(count)
          ? Array.from({ length: count }, (_, i) => (from as number) + i * by)
          : undefined;
      return result(dtype, [count], values);
    }
    const distance = by > 0 ? subDims(to, from) : subDims(from, to);
    if (maxOf(distance) < 0) call.refuse(`${dimsText([from])} to ${dimsText([to])} by ${by} is empty`);
    return result(dtype, [ceilDivDims(distance, Math.abs(by))]);
  },
  onnx: (call) => call.node("Range", [call.in("start"), call.in("end"), call.in("step")]),
});
