// https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/activations.py
import type { Tensor } from "../mil/tensor.ts";
import type { Weights } from "./weights.ts";

/** `w` is where the activation keeps tensors of its own, if it has any. */
export type Activation = (x: Tensor, w: Weights) => Tensor;

const tanhGelu: Activation = (x) => x.gelu({ mode: "TANH_APPROXIMATION" });
const silu: Activation = (x) => x.silu();
const exactGelu = (x: Tensor): Tensor => x.gelu({ mode: "EXACT" });

/** Every deterministic activation that Transformers names. */
export const activations = {
  gelu: exactGelu,
  gelu_10: (x) => exactGelu(x).clip({ alpha: -10, beta: 10 }),
  gelu_accurate: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_new: tanhGelu,
  gelu_python: exactGelu,
  gelu_python_tanh: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  laplace: (x) =>
    x
      .sub(Math.SQRT1_2)
      .mul(1 / (0.282095 * Math.SQRT2))
      .erf()
      .add(1)
      .mul(0.5),
  leaky_relu: (x) => x.leaky_relu({ alpha: 0.01 }),
  linear: (x) => x,
  mish: (x) => x.mul(x.softplus().tanh()),
  prelu: (x, w) => prelu(x, w),
  quick_gelu: (x) => x.mul(x.mul(1.702).sigmoid()),
  relu: (x) => x.relu(),
  relu2: (x) => x.relu().square(),
  relu6: (x) => x.relu6(),
  sigmoid: (x) => x.sigmoid(),
  silu,
  swish: silu,
  tanh: (x) => x.tanh(),
  xielu: (x, w) => xielu(x, w),
} as const satisfies Record<string, Activation>;
export type ActivationName = keyof typeof activations;

/** One slope for every channel, learned. */
function prelu(x: Tensor, w: Weights): Tensor {
  const slope = x.graph.weight(w.get("weight", [1]), w.at("weight").path);
  return x.relu().sub(x.mul(-1).relu().mul(slope));
}

/** https://arxiv.org/abs/2411.13010 with learned alphas; the constants are folded while the graph is built. */
function xielu(x: Tensor, w: Weights): Tensor {
  const scalar = (name: string, shape: readonly number[]): Tensor => {
    const v = x.graph.weight(w.get(name, shape), w.at(name).path);
    return shape.length === 0 ? v : v.reshape({ shape: [1] });
  };
  const [positive, negative] = [scalar("alpha_p", [1]).softplus(), scalar("alpha_n", [1]).softplus()];
  const [beta, epsilon] = [scalar("beta", []), scalar("eps", [])];
  const linear = x.mul(beta);
  const above = x.square().mul(positive).add(linear);
  const low = x.minimum(epsilon);
  const below = low.exp().sub(1).sub(x).mul(negative.add(beta)).add(linear);
  return x.greater(0).select(above, below);
}
