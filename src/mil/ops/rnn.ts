// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#recurrent
import { flag, word } from "../params.ts";
import { defineOp } from "../row.ts";
import {
  activationOf,
  checkDirection,
  hiddenSize,
  initialH,
  isReverse,
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

/** h = activation(weight_ih·x + weight_hh·h + bias), over the steps of x [steps, batch, features]. */
export const rnn = defineOp("rnn", {
  in: [x, initialH],
  options: [
    ...weights,
    optionalWeight("bias"),
    word("direction", "forward"),
    flag("output_sequence", false),
    word("activation", "tanh"),
  ],
  domains: recurrentDomains,
  many: true,
  half: "fp32",
  infer(call) {
    checkDirection(call, ["forward", "reverse"]);
    activationOf(call, "activation");
    return recurrentResults(call, hiddenSize(call, 1), ["initial_h"]);
  },
  onnx(call) {
    const activation = activationOf(call, "activation");
    const hidden = transposed(call, call.in("weight_hh"));
    const { sequence, states } = recurred(call, {
      inputs: projected(call, "weight_ih", ["bias"]),
      states: [call.in("initial_h")],
      isReversed: isReverse(call),
      isAligned: false,
      step: (g, input, [h]) => [activation(g, g.node("Add", [input, g.node("MatMul", [h as string, hidden])]))],
    });
    return [sequenceOf(call, sequence, states[0] as string), ...states];
  },
});
