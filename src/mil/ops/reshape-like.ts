// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#module-coremltools.converters.mil.mil.ops.defs.iOS16.tensor_transformation
import type { Call } from "../call.ts";
import { numbersOf } from "../constants.ts";
import { dimsText, volume } from "../dim.ts";
import { tensor, tuple } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any } from "./domains.ts";

/** For each reference the dimensions [begin, end) it gives; end undefined: to the last. */
function spans(call: Call): readonly (readonly [begin: number, end: number | undefined])[] {
  const count = call.values("ref_tensors").length;
  const numbers = (name: string): readonly number[] => {
    const all = call
      .values(name)
      .map((v) => numbersOf(v)?.[0] ?? call.refuse(`parameter '${name}' must hold constants`));
    return all.length === count ? all : call.refuse(`${all.length} ${name} for ${count} reference tensors`);
  };
  const [begins, ends, masks] = [numbers("begins"), numbers("ends"), numbers("end_masks")];
  return begins.map((begin, i) => [begin, masks[i] ? undefined : (ends[i] as number)]);
}

/** x in a shape put together from dimensions of other tensors. */
export const reshape_like = defineOp("reshape_like", {
  since: "iOS16",
  in: [tensor("x", "T")],
  options: [
    tuple("ref_tensors", []),
    tuple("begins", ["int32"]),
    tuple("ends", ["int32"]),
    tuple("end_masks", ["bool"]),
  ],
  domains: { T: any },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const references = call.types("ref_tensors");
    const wanted = spans(call).flatMap(([begin, end], i) => references[i]?.shape.slice(begin, end) ?? []);
    const [from, to] = [volume(shape), volume(wanted)];
    const sameText = from.exprs.map((e) => e.text).join() === to.exprs.map((e) => e.text).join();
    if (from.number !== to.number && sameText)
      call.refuse(`${dimsText(shape)} does not reshape to ${dimsText(wanted)}`);
    return result(dtype, wanted);
  },
  onnx(call) {
    const all = spans(call);
    const parts = call.ins("ref_tensors").map((name, i) => {
      const [begin, end] = all[i] as (typeof all)[0];
      return call.node("Shape", [name], { start: begin, ...(end === undefined ? {} : { end }) });
    });
    return call.node("Reshape", [call.in("x"), call.node("Concat", parts, { axis: 0 })]);
  },
});
