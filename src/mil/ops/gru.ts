// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#recurrent
import { flag, word } from "../params.ts";
import { defineOp } from "../row.ts";
import {
  activationOf,
  checkDirection,
  hiddenSize,
  initialH,
  isReverse,
  optionalScalar,
  optionalWeight,
  projected,
  recurred,
  recurrentDomains,
  recurrentResults,
  sequenceOf,
  transposed,
  weights,
  x,
} from "./recurrent.ts";

const GATES = 3;

/**
 * A gated recurrent unit over the steps of x [steps, batch, features]. The gates lie in the order reset, new, update.
 * The reset gate r scales the state before the matrix, as in new = tanh(W·x + R·(r ∗ h) + b), or with `reset_after` what
 * the matrix gives: new = tanh(W·x + input_bias + r ∗ (R·h + bias)).
 */
export const gru = defineOp("gru", {
  in: [x, initialH],
  options: [
    ...weights,
    optionalWeight("bias"),
    word("direction", "forward"),
    flag("output_sequence", false),
    word("recurrent_activation", "sigmoid"),
    word("activation", "tanh"),
    optionalScalar<"reset_after", boolean>("reset_after", ["bool"], "iOS18"),
    { ...optionalWeight("input_bias"), since: "iOS18" },
  ],
  domains: recurrentDomains,
  many: true,
  half: "fp32",
  infer(call) {
    checkDirection(call, ["forward", "reverse"]);
    for (const name of ["recurrent_activation", "activation"]) activationOf(call, name);
    return recurrentResults(call, hiddenSize(call, GATES), ["initial_h"]);
  },
  onnx(call) {
    const isAfter = call.has("reset_after") && call.flag("reset_after");
    const [gate, activation] = [activationOf(call, "recurrent_activation"), activationOf(call, "activation")];
    const split = (whole: string): readonly string[] =>
      call.nodes("Split", [whole], { axis: -1, num_outputs: GATES }, GATES);
    const matrices = split(transposed(call, call.in("weight_hh")));
    const biases = call.has("bias") ? split(call.in("bias")) : [];
    const { sequence, states } = recurred(call, {
      inputs: projected(call, "weight_ih", ["input_bias"]),
      states: [call.in("initial_h")],
      isReversed: isReverse(call),
      isAligned: false,
      step(g, input, [state]) {
        const h = state as string;
        const recurrent = (part: number, from: string): string => {
          const product = g.node("MatMul", [from, matrices[part] as string]);
          const bias = biases[part];
          return bias === undefined ? product : g.node("Add", [product, bias]);
        };
        const [forReset, forNew, forUpdate] = g.parts(input, GATES) as [string, string, string];
        const reset = gate(g, g.node("Add", [forReset, recurrent(0, h)]));
        const update = gate(g, g.node("Add", [forUpdate, recurrent(2, h)]));
        const past = isAfter ? g.node("Mul", [reset, recurrent(1, h)]) : recurrent(1, g.node("Mul", [reset, h]));
        const fresh = activation(g, g.node("Add", [forNew, past]));
        const rest = g.node("Sub", [g.float(1), update]);
        return [g.node("Add", [g.node("Mul", [rest, fresh]), g.node("Mul", [update, h])])];
      },
    });
    return [sequenceOf(call, sequence, states[0] as string), ...states];
  },
});
