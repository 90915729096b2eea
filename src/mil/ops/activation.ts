// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#activation
import type { Call } from "../call.ts";
import type { Lowering } from "../lowering.ts";
import { int, type Param, real, tensor, weight, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float, TthenU } from "./domains.ts";

const alpha = real("alpha", TthenU);
const beta = real("beta", TthenU);

/** An elementwise function of x with constant scalars. */
const activation = <const Options extends readonly Param[] = readonly []>(
  name: string,
  onnx: (call: Lowering, x: string) => string,
  options?: Options,
) =>
  defineOp(name, {
    in: [tensor("x", "T")],
    ...(options ? { options } : {}),
    domains: { T: float, U: float },
    infer: (call) => result(call.dtype("x"), call.shape("x")),
    onnx: (call) => onnx(call, call.in("x")),
  });

export const relu = activation("relu", (call, x) => call.node("Relu", [x]));
export const relu6 = activation("relu6", (call, x) => call.node("Clip", [x, call.float(0), call.float(6)]));
export const sigmoid = activation("sigmoid", (call, x) => call.node("Sigmoid", [x]));
export const silu = activation("silu", (call, x) => call.node("Mul", [x, call.node("Sigmoid", [x])]));
export const softplus = activation("softplus", (call, x) => call.node("Softplus", [x]));
export const softsign = activation("softsign", (call, x) => call.node("Softsign", [x]));

const attribute = (call: Call, name: string): { readonly float: number } => ({ float: call.number(name) });
const scaled = (call: Lowering, name: string, x: string): string =>
  call.node("Mul", [call.float(call.number(name)), x]);

/** alpha·(eˣ − 1) for negative x. */
export const elu = activation("elu", (call, x) => call.node("Elu", [x], { alpha: attribute(call, "alpha") }), [alpha]);
/** alpha·x for negative x. */
export const leaky_relu = activation(
  "leaky_relu",
  (call, x) => call.node("LeakyRelu", [x], { alpha: attribute(call, "alpha") }),
  [alpha],
);
/** x where it is at least alpha, else 0. */
export const thresholded_relu = activation(
  "thresholded_relu",
  (call, x) => {
    const isKept = call.node("GreaterOrEqual", [x, call.float(call.number("alpha"))]);
    return call.node("Where", [isKept, x, call.float(0)]);
  },
  [alpha],
);
/** alpha·x for negative x, and never above beta. */
export const clamped_relu = activation(
  "clamped_relu",
  (call, x) => {
    const y = call.node("LeakyRelu", [x], { alpha: attribute(call, "alpha") });
    return call.node("Min", [y, call.float(call.number("beta"))]);
  },
  [alpha, beta],
);
/** alpha·x + beta. */
export const linear_activation = activation(
  "linear_activation",
  (call, x) => call.node("Add", [scaled(call, "alpha", x), call.float(call.number("beta"))]),
  [alpha, beta],
);
/** alpha·tanh(beta·x). */
export const scaled_tanh = activation(
  "scaled_tanh",
  (call, x) => scaled(call, "alpha", call.node("Tanh", [scaled(call, "beta", x)])),
  [alpha, beta],
);
/** alpha·x + beta, kept between 0 and 1. */
export const sigmoid_hard = activation(
  "sigmoid_hard",
  (call, x) => call.node("HardSigmoid", [x], { alpha: attribute(call, "alpha"), beta: attribute(call, "beta") }),
  [alpha, beta],
);

/** `EXACT`: x·Φ(x); `TANH_APPROXIMATION`; `SIGMOID_APPROXIMATION`: x·σ(1.702x). */
export const gelu = defineOp("gelu", {
  in: [tensor("x", "T")],
  options: [word("mode", "EXACT")],
  domains: { T: float },
  infer(call) {
    const mode = call.word("mode");
    const modes = ["EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"];
    if (!modes.includes(mode)) call.refuse(`mode '${mode}', expected ${modes.join(", ")}`);
    return result(call.dtype("x"), call.shape("x"));
  },
  onnx(call) {
    const [x, mode] = [call.in("x"), call.word("mode")];
    if (mode === "SIGMOID_APPROXIMATION") {
      return call.node("Mul", [x, call.node("Sigmoid", [call.node("Mul", [x, call.float(1.702)])])]);
    }
    return call.node("Gelu", [x], { approximate: mode === "EXACT" ? "none" : "tanh" });
  },
});

export const softmax = defineOp("softmax", {
  in: [tensor("x", "T")],
  options: [int("axis", -1)],
  domains: { T: float },
  infer(call) {
    const { dtype, shape } = call.type("x");
    call.axis("axis", shape.length);
    return result(dtype, shape);
  },
  onnx: (call) => call.node("Softmax", [call.in("x")], { axis: call.axis("axis", call.rank("x")) }),
});

/** Refuses a vector that does not hold one number for each channel of x, its dimension 1. */
function checkChannels(call: Call, name: string): void {
  const [shape, x] = [call.shape(name), call.shape("x")];
  if (x.length < 3 || x.length > 5) call.refuse(`x has rank ${x.length}, expected 3 to 5`);
  if (shape.length !== 1) call.refuse(`parameter '${name}' has rank ${shape.length}, expected 1`);
  call.unify(shape[0] ?? 1, x[1] ?? 1, `entries of '${name}' and channels of x`);
}

/** A vector over channels in a shape that broadcasts with x. */
const perChannel = (call: Lowering, name: string): string =>
  call.node("Reshape", [call.in(name), call.int64s([-1, ...Array<number>(call.rank("x") - 2).fill(1)])]);

/** alpha·x for negative x, with one alpha per channel. */
export const prelu = defineOp("prelu", {
  in: [tensor("x", "T")],
  options: [weight("alpha", TthenU)],
  domains: { T: float, U: float },
  infer(call) {
    checkChannels(call, "alpha");
    return result(call.dtype("x"), call.shape("x"));
  },
  onnx: (call) => call.node("PRelu", [call.in("x"), perChannel(call, "alpha")]),
});

/** alpha·ln(1 + e^(beta·x)), with one alpha and beta per channel. */
export const softplus_parametric = defineOp("softplus_parametric", {
  in: [tensor("x", "T")],
  options: [weight("alpha", TthenU), weight("beta", TthenU)],
  domains: { T: float, U: float },
  infer(call) {
    checkChannels(call, "alpha");
    checkChannels(call, "beta");
    return result(call.dtype("x"), call.shape("x"));
  },
  onnx(call) {
    const inner = call.node("Mul", [perChannel(call, "beta"), call.in("x")]);
    return call.node("Mul", [perChannel(call, "alpha"), call.node("Softplus", [inner])]);
  },
});
