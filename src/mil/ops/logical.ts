// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#elementwise-binary
import { dimsText } from "../dim.ts";
import { tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { entry } from "./content.ts";
import { plain } from "./domains.ts";

const logical = (name: string, onnx: string) =>
  defineOp(name, {
    in: [tensor("x", ["bool"]), tensor("y", ["bool"])],
    half: "moves",
    infer: (call) => result("bool", call.broadcast(call.shape("x"), call.shape("y"))),
    onnx: (call) => call.node(onnx, [call.in("x"), call.in("y")]),
  });

export const logical_and = logical("logical_and", "And");
export const logical_or = logical("logical_or", "Or");
export const logical_xor = logical("logical_xor", "Xor");

export const logical_not = defineOp("logical_not", {
  in: [tensor("x", ["bool"])],
  half: "moves",
  infer: (call) => result("bool", call.shape("x")),
  onnx: (call) => call.node("Not", [call.in("x")]),
});

/** a where cond holds, else b. Core ML takes the result's shape from a and b alone: cond may not widen it. */
export const select = defineOp("select", {
  in: [tensor("cond", ["bool"]), tensor("a", "T"), tensor("b", "T")],
  domains: { T: plain },
  half: "moves",
  infer(call) {
    const shape = call.broadcast(call.shape("a"), call.shape("b"));
    if (!call.broadcastsTo(call.shape("cond"), shape)) {
      call.refuse(`cond ${dimsText(call.shape("cond"))} is wider than the values, ${dimsText(shape)}`);
    }
    const [cond, a, b] = [call.content("cond") ?? call.numbers("cond"), call.content("a"), call.content("b")];
    if (!cond || !a || !b || shape.length > 1) return result(call.dtype("a"), shape);
    const count = Math.max(cond.length, a.length, b.length);
    return result(
      call.dtype("a"),
      shape,
      Array.from({ length: count }, (_, i) => entry(entry(cond, i) ? a : b, i)),
    );
  },
  onnx(call) {
    const [cond, a, b] = [call.in("cond"), call.in("a"), call.in("b")];
    if (call.dtype("a") !== "bool") return call.node("Where", [cond, a, b]);
    // ONNX Runtime has no Where for booleans.
    const [yes, no] = [call.node("And", [cond, a]), call.node("And", [call.node("Not", [cond]), b])];
    return call.node("Or", [yes, no]);
  },
});
