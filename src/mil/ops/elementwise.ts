// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#elementwise-unary
import type { DType } from "../../tensor/dtype.ts";
import type { Lowering } from "../lowering.ts";
import { isAtLeast } from "../opset.ts";
import { real, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float, numeric, TthenU } from "./domains.ts";

/** The result has x's shape and dtype. */
const unary = (name: string, T: readonly DType[], onnx: string | ((call: Lowering, x: string) => string)) =>
  defineOp(name, {
    in: [tensor("x", "T")],
    domains: { T },
    infer: (call) => result(call.dtype("x"), call.shape("x")),
    onnx: (call) => (typeof onnx === "string" ? call.node(onnx, [call.in("x")]) : onnx(call, call.in("x"))),
  });

export const abs = unary("abs", numeric, "Abs");
export const acos = unary("acos", float, "Acos");
export const asin = unary("asin", float, "Asin");
export const atan = unary("atan", float, "Atan");
export const atanh = unary("atanh", float, "Atanh");
export const ceil = unary("ceil", float, "Ceil");
export const cos = unary("cos", float, "Cos");
export const cosh = unary("cosh", float, "Cosh");
export const erf = unary("erf", float, "Erf");
export const exp = unary("exp", float, "Exp");
export const exp2 = unary("exp2", numeric, (call, x) => call.node("Pow", [call.like(call.dtype("x"), 2), x]));
export const floor = unary("floor", float, "Floor");
/** Halves go to the even neighbour. */
export const round = unary("round", float, "Round");
export const sign = unary("sign", numeric, "Sign");
export const sin = unary("sin", float, "Sin");
export const sinh = unary("sinh", float, "Sinh");
export const sqrt = unary("sqrt", float, "Sqrt");
export const square = unary("square", numeric, (call, x) => call.node("Mul", [x, x]));
export const tan = unary("tan", float, "Tan");
export const tanh = unary("tanh", float, "Tanh");

/** Below this an epsilon changes no float32 that is not itself tiny; adding a subnormal is slow and flushed on some CPUs. */
const NEGLIGIBLE = 1e-37;

/** `f(x + epsilon)`. */
const guarded = (name: string, epsilon: number, onnx: readonly string[]) =>
  defineOp(name, {
    in: [tensor("x", "T")],
    options: [real("epsilon", TthenU, epsilon)],
    domains: { T: float, U: float },
    infer: (call) => result(call.dtype("x"), call.shape("x")),
    onnx(call) {
      const small = call.number("epsilon");
      const x = Math.abs(small) < NEGLIGIBLE ? call.in("x") : call.node("Add", [call.in("x"), call.float(small)]);
      return onnx.reduce((y, op) => call.node(op, [y]), x);
    },
  });

export const inverse = guarded("inverse", 1e-4, ["Reciprocal"]);
export const log = guarded("log", 1e-45, ["Log"]);
export const rsqrt = guarded("rsqrt", 1e-12, ["Sqrt", "Reciprocal"]);

/** x no smaller than alpha and no larger than beta. */
export const clip = defineOp("clip", {
  in: [tensor("x", "T")],
  options: [real("alpha", "T"), real("beta", "T")],
  domains: { T: float },
  infer(call) {
    const [low, high] = [call.number("alpha"), call.number("beta")];
    if (isAtLeast(call.target, "iOS17") && low >= high) call.refuse(`alpha ${low} is not below beta ${high}`);
    return result(call.dtype("x"), call.shape("x"));
  },
  onnx: (call) => call.node("Clip", [call.in("x"), call.float(call.number("alpha")), call.float(call.number("beta"))]),
});

/** x no smaller than alpha. */
export const threshold = defineOp("threshold", {
  in: [tensor("x", "T")],
  options: [real("alpha", "T")],
  domains: { T: numeric },
  infer: (call) => result(call.dtype("x"), call.shape("x")),
  onnx: (call) => call.node("Max", [call.in("x"), call.like(call.dtype("x"), call.number("alpha"))]),
});
