// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#normalization
import { elementCount } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText, isFixed } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { int, ints, optionalTensor, real, tensor, weight } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float, TthenU } from "./domains.ts";

const gamma = optionalTensor("gamma", TthenU, { binding: "const" });
const beta = optionalTensor("beta", TthenU, { binding: "const" });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** (x − mean) / √(variance + epsilon) over `axes`, then ·gamma + beta, each reshaped to `shape`. */
function normalized(call: Lowering, axes: readonly number[], shape: readonly number[]): string {
  const over = call.int64s(axes);
  const centred = call.node("Sub", [call.in("x"), call.node("ReduceMean", [call.in("x"), over])]);
  const variance = call.node("ReduceMean", [call.node("Mul", [centred, centred]), over]);
  const deviation = call.node("Sqrt", [call.node("Add", [variance, call.float(call.number("epsilon"))])]);
  const y = call.node("Div", [centred, deviation]);
  const wide = (name: string): string => call.node("Reshape", [call.in(name), call.int64s(shape)]);
  const scaled = call.has("gamma") ? call.node("Mul", [y, wide("gamma")]) : y;
  return call.has("beta") ? call.node("Add", [scaled, wide("beta")]) : scaled;
}

/** The dimensions in which a layer norm has its own gamma and beta, ascending. */
function layerAxes(call: Call): readonly number[] {
  const rank = call.rank("x");
  const axes = call.ints("axes").map((a) => call.axisOf(a, rank));
  if (axes.length === 0) call.refuse("no axes");
  return [...axes].sort((a, b) => a - b);
}

export const layer_norm = defineOp("layer_norm", {
  in: [tensor("x", "T")],
  options: [ints("axes", (call: Call) => range(call.rank("x"))), gamma, beta, real("epsilon", TthenU, 1e-5)],
  domains: { T: float, U: float },
  infer(call) {
    const { dtype, shape } = call.type("x");
    const inner = layerAxes(call).map((a) => shape[a] as Dim);
    for (const name of ["gamma", "beta"]) {
      if (!call.has(name)) continue;
      const given = call.shape(name);
      if (given.length !== inner.length) call.refuse(`${name} ${dimsText(given)} for axes of sizes ${dimsText(inner)}`);
      given.forEach((d, i) => call.unify(d, inner[i] as Dim, `sizes of ${name} and of x`));
    }
    return result(dtype, shape);
  },
  onnx(call) {
    const [axes, shape] = [layerAxes(call), call.shape("x")];
    const inner = axes.map((a) => shape[a] as Dim);
    const isTrailing = axes.every((a, i) => a === shape.length - axes.length + i);
    if (!isTrailing || !(call.has("gamma") || isFixed(inner))) {
      const broadcast = shape.map((d, i) => (axes.includes(i) ? (typeof d === "number" ? d : -1) : 1));
      return normalized(call, axes, broadcast);
    }
    const scale = call.has("gamma") ? call.in("gamma") : ones(call, inner as readonly number[]);
    const inputs = [call.in("x"), scale, ...(call.has("beta") ? [call.in("beta")] : [])];
    return call.node("LayerNormalization", inputs, {
      axis: axes[0] as number,
      epsilon: { float: call.number("epsilon") },
    });
  },
});

const ones = (call: Lowering, shape: readonly number[]): string =>
  call.floats(Array<number>(elementCount(shape)).fill(1), shape);

/** Refuses parameters that do not hold one number for each channel of x, its dimension 1. */
function checkChannels(call: Call, names: readonly string[], ranks: readonly number[]): void {
  const x = call.shape("x");
  if (!ranks.includes(x.length)) call.refuse(`x has rank ${x.length}, expected ${ranks.join(" or ")}`);
  for (const name of names.filter((n) => call.has(n))) {
    const shape = call.shape(name);
    if (shape.length !== 1) call.refuse(`parameter '${name}' has rank ${shape.length}, expected 1`);
    call.unify(shape[0] as Dim, x[1] as Dim, `entries of '${name}' and channels of x`);
  }
}

/** With the mean and variance that training measured. */
export const batch_norm = defineOp("batch_norm", {
  in: [tensor("x", "T")],
  options: [weight("mean", TthenU), weight("variance", TthenU), gamma, beta, real("epsilon", TthenU, 1e-5)],
  domains: { T: float, U: float },
  infer(call) {
    checkChannels(call, ["mean", "variance", "gamma", "beta"], [3, 4, 5]);
    return result(call.dtype("x"), call.shape("x"));
  },
  onnx(call) {
    const channels = call.shape("mean") as readonly number[];
    const scale = call.has("gamma") ? call.in("gamma") : ones(call, channels);
    const shift = call.has("beta") ? call.in("beta") : call.floats(Array<number>(elementCount(channels)).fill(0));
    const inputs = [call.in("x"), scale, shift, call.in("mean"), call.in("variance")];
    return call.node("BatchNormalization", inputs, { epsilon: { float: call.number("epsilon") } });
  },
});

/** Each channel of each example over its spatial dimensions. */
export const instance_norm = defineOp("instance_norm", {
  in: [tensor("x", "T")],
  options: [gamma, beta, real("epsilon", TthenU, 1e-5)],
  domains: { T: float, U: float },
  infer(call) {
    checkChannels(call, ["gamma", "beta"], [3, 4]);
    return result(call.dtype("x"), call.shape("x"));
  },
  onnx(call) {
    const spatial = range(call.rank("x")).slice(2);
    return normalized(call, spatial, [-1, ...spatial.map(() => 1)]);
  },
});

/** x over the Euclidean norm of its last three dimensions taken together. */
export const l2_norm = defineOp("l2_norm", {
  in: [tensor("x", "T")],
  options: [real("epsilon", TthenU, 1e-6)],
  domains: { T: float, U: float },
  infer(call) {
    const { dtype, shape } = call.type("x");
    if (shape.length < 3) call.refuse(`x has rank ${shape.length}, expected 3 or more`);
    return result(dtype, shape);
  },
  onnx(call) {
    const squares = call.node("ReduceSumSquare", [call.in("x"), call.int64s([-3, -2, -1])]);
    const norm = call.node("Sqrt", [call.node("Add", [squares, call.float(call.number("epsilon"))])]);
    return call.node("Div", [call.in("x"), norm]);
  },
});

/**
 * x / (k + alpha/size · Σ x²)^beta, the sum running over `size` neighbouring channels: with an even size one more before
 * than behind, as in https://docs.pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
 */
export const local_response_norm = defineOp("local_response_norm", {
  in: [tensor("x", "T")],
  options: [int("size"), real("alpha", TthenU, 1e-4), real("beta", TthenU, 0.75), real("k", TthenU, 1)],
  domains: { T: float, U: float },
  infer(call) {
    const { dtype, shape } = call.type("x");
    if (shape.length < 3) call.refuse(`x has rank ${shape.length}, expected 3 or more`);
    if (call.number("size") < 1) call.refuse(`size ${call.number("size")}, expected 1 or more`);
    return result(dtype, shape);
  },
  onnx(call) {
    const [x, size] = [call.in("x"), call.number("size")];
    // One spatial dimension, so that the window can be a pooling window over channels.
    const flat = call.node("Reshape", [call.node("Mul", [x, x]), call.int64s([0, 0, -1])]);
    const images = call.node("Unsqueeze", [flat, call.int64s([1])]);
    const [before, behind] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
    const padded = call.node("Pad", [images, call.int64s([before, behind]), call.float(0), call.int64s([2])]);
    const means = call.node("AveragePool", [padded], { kernel_shape: [size, 1] });
    const mean = call.node("Reshape", [means, call.node("Shape", [x])]);
    const [alpha, power, bias] = ["alpha", "beta", "k"].map((name) => call.float(call.number(name)));
    const sum = call.node("Add", [call.node("Mul", [mean, alpha as string]), bias as string]);
    return call.node("Div", [x, call.node("Pow", [sum, power as string])]);
  },
});
