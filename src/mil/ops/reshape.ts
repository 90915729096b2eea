// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-transformation
import type { Call } from "../call.ts";
import { type Dim, dimsText, divideVolume, isFixed, volume } from "../dim.ts";
import { isAtLeast } from "../opset.ts";
import { sizes, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any } from "./domains.ts";
import { reshapedTo } from "./target-shape.ts";

/**
 * Resolves the entries of a requested shape: -1 is what remains, 0 copies. Zeros copy by position when the ranks are
 * equal, and from the right when they differ (iOS17), where what has no counterpart is 1.
 */
function requested(call: Call): readonly Dim[] | undefined {
  const [x, wanted] = [call.shape("x"), call.content("shape")];
  if (!wanted) return undefined;
  if (wanted.includes(0) && wanted.length !== x.length && !isAtLeast(call.target, "iOS17")) {
    call.refuse(`shape ${dimsText(wanted)} copies dimensions of ${dimsText(x)}, which needs equal ranks below iOS17`);
  }
  const copied = wanted.map((d, i) => (d === 0 && volume(x).number !== 0 ? (x[i + x.length - wanted.length] ?? 1) : d));
  const open = copied.indexOf(-1);
  if (open < 0) return copied;
  const others = copied.filter((_, i) => i !== open);
  if (others.includes(-1)) call.refuse(`shape ${dimsText(wanted)} leaves more than one dimension open`);
  const rest = divideVolume(x, others) ?? call.refuse(`${dimsText(x)} does not reshape to ${dimsText(wanted)}`);
  return copied.map((d, i) => (i === open ? rest : d));
}

export const reshape = defineOp("reshape", {
  in: [tensor("x", "T")],
  options: [sizes("shape", { iOS15: ["int32"], iOS17: ["int32", "int16", "int8"] })],
  domains: { T: any },
  half: "moves",
  infersOpenSize: "shape",
  infer(call) {
    const x = call.type("x");
    const shape = requested(call);
    if (!shape) {
      const [rank] = call.shape("shape");
      if (typeof rank !== "number") return call.refuse("the rank of the requested shape is unknown");
      return result(
        x.dtype,
        Array.from({ length: rank }, () => call.unifier.fresh("reshaped", 0, Number.POSITIVE_INFINITY)),
      );
    }
    const [from, to] = [volume(x.shape), volume(shape)];
    const sameText = from.exprs.map((e) => e.text).join() === to.exprs.map((e) => e.text).join();
    if (from.number !== to.number && sameText)
      call.refuse(`${dimsText(x.shape)} does not reshape to ${dimsText(shape)}`);
    return result(x.dtype, shape, shape.length <= 1 ? call.content("x") : undefined);
  },
  onnx(call) {
    const [x, shape, numbers] = [
      { name: call.in("x"), shape: call.shape("x") },
      requested(call),
      call.numbers("shape"),
    ];
    if (shape && isFixed(shape)) {
      return call.node("Reshape", [x.name, call.int64s(shape)], shape.includes(0) ? { allowzero: 1 } : {});
    }
    // ONNX copies by position, whatever the ranks.
    const isAligned = shape && numbers?.includes(0) && numbers.length !== x.shape.length;
    return isAligned ? reshapedTo(call, x.name, shape, x) : call.node("Reshape", [x.name, call.vector("shape")]);
  },
});
