// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-operation
import type { Call } from "../call.ts";
import { addDims, type Dim, dimsText, minOf, subDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { ints, real, sizes, tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { onnxPads } from "./conv.ts";
import { float } from "./domains.ts";

const modes: Readonly<Record<string, string>> = { constant: "constant", reflect: "reflect", replicate: "edge" };

/** [begin, end] pairs for the last dimensions of x, the last pair for the last one. */
export const pad = defineOp("pad", {
  in: [tensor("x", "T")],
  options: [sizes("pad"), word("mode", "constant"), real("constant_val", "T", 0)],
  domains: { T: float },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    if (!Object.hasOwn(modes, call.word("mode"))) {
      call.refuse(`mode '${call.word("mode")}', expected ${Object.keys(modes).join(", ")}`);
    }
    const amounts = call.content("pad");
    if (!amounts) {
      call.unify(call.shape("pad")[0] ?? 1, 2 * shape.length, "entries of a computed pad and twice the rank of x");
      return result(
        dtype,
        shape.map((d) => call.unifier.fresh("padded", minOf(d), Number.POSITIVE_INFINITY)),
      );
    }
    if (amounts.length % 2 !== 0 || amounts.length > 2 * shape.length) {
      call.refuse(`pad ${dimsText(amounts)} for x ${dimsText(shape)}`);
    }
    if (amounts.some((d) => minOf(d) < 0)) call.refuse(`pad ${dimsText(amounts)} may be negative`);
    const untouched = shape.length - amounts.length / 2;
    const padded = shape.map((d, i): Dim => {
      const at = 2 * (i - untouched);
      return at < 0 ? d : addDims(d, addDims(amounts[at] as Dim, amounts[at + 1] as Dim));
    });
    return result(dtype, padded);
  },
  onnx(call) {
    const [rank, count] = [call.rank("x"), call.shape("pad")[0] as number];
    const axes = call.int64s(Array.from({ length: count / 2 }, (_, i) => rank - count / 2 + i));
    const value = call.float(call.number("constant_val"));
    return call.node("Pad", [call.in("x"), beginsThenEnds(call), value, axes], {
      mode: modes[call.word("mode")] as string,
    });
  },
});

function beginsThenEnds(call: Lowering): string {
  const numbers = call.numbers("pad");
  if (numbers) return call.int64s(onnxPads(numbers));
  const pairs = call.node("Reshape", [call.vector("pad"), call.int64s([-1, 2])]);
  return call.node("Reshape", [call.node("Transpose", [pairs], { perm: [1, 0] }), call.int64s([-1])]);
}

/** x without [before, behind] rows and columns, its last two dimensions. */
export const crop = defineOp("crop", {
  in: [tensor("x", "T")],
  options: [ints("crop_height"), ints("crop_width")],
  domains: { T: float },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    if (shape.length < 3) call.refuse(`x has rank ${shape.length}, expected 3 or more`);
    const [h, w] = shape.slice(-2) as [Dim, Dim];
    const cut = (size: Dim, name: string): Dim => cutPair(call, name).reduce<Dim>((d, by) => subDims(d, by), size);
    return result(dtype, [...shape.slice(0, -2), cut(h, "crop_height"), cut(w, "crop_width")]);
  },
  onnx(call) {
    const [[top, bottom], [left, right]] = [cutPair(call, "crop_height"), cutPair(call, "crop_width")];
    const cuts = call.int64s([-top, -left, -bottom, -right]);
    return call.node("Pad", [call.in("x"), cuts, call.float(0), call.int64s([-2, -1])]);
  },
});

function cutPair(call: Call, name: string): readonly [number, number] {
  const pair = call.ints(name);
  return pair.length === 2 ? (pair as [number, number]) : call.refuse(`${name} has ${pair.length} entries, expected 2`);
}
