// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#recurrent
import type { Call } from "../call.ts";
import { mulDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, tensor, word } from "../params.ts";
import { defineOp } from "../row.ts";
import {
  type Activation,
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
  type StepGraph,
  sequenceOf,
  transposed,
  weights,
  x,
} from "./recurrent.ts";

const GATES = 4;
const isBidirectional = (call: Call): boolean => call.word("direction") === "bidirectional";

/**
 * A long short-term memory over the steps of x [steps, batch, features]. The gates lie in the order input, forget, output,
 * cell; a peephole has the first three, and its output gate sees the new memory. `clip` bounds the memory:
 * https://github.com/apple/coremltools/blob/9.0/mlmodel/format/NeuralNetwork.proto (`cellClipThreshold`).
 * Bidirectional states hold the forward direction first.
 */
export const lstm = defineOp("lstm", {
  in: [x, initialH, tensor("initial_c", "T")],
  options: [
    ...weights,
    optionalWeight("bias"),
    optionalWeight("peephole"),
    optionalWeight("weight_ih_back"),
    optionalWeight("weight_hh_back"),
    optionalWeight("bias_back"),
    optionalWeight("peephole_back"),
    word("direction", "forward"),
    flag("output_sequence", false),
    word("recurrent_activation", "sigmoid"),
    word("cell_activation", "tanh"),
    word("activation", "tanh"),
    optionalScalar<"clip", number>("clip", "T"),
  ],
  domains: recurrentDomains,
  many: true,
  half: "fp32",
  infer(call) {
    checkDirection(call, ["forward", "reverse", "bidirectional"]);
    for (const name of ["recurrent_activation", "cell_activation", "activation"]) activationOf(call, name);
    const size = hiddenSize(call, GATES);
    if (isBidirectional(call)) call.unify(hiddenSize(call, GATES, "_back"), size, "hidden sizes of the two directions");
    for (const name of ["peephole", "peephole_back"].filter((n) => call.has(n))) {
      call.unify(call.shape(name)[0] ?? 0, mulDims(size, GATES - 1), `entries of '${name}' and its gates`);
    }
    return recurrentResults(call, mulDims(size, isBidirectional(call) ? 2 : 1), ["initial_h", "initial_c"]);
  },
  onnx(call) {
    const [h, c] = [call.in("initial_h"), call.in("initial_c")];
    if (!isBidirectional(call)) {
      const { sequence, states } = direction(call, "", isReverse(call), [h, c]);
      return [sequenceOf(call, sequence, states[0] as string), ...states];
    }
    const halves = [h, c].map((state) => call.nodes("Split", [state], { axis: -1, num_outputs: 2 }, 2));
    const [forth, back] = ["", "_back"].map((suffix, i) =>
      direction(
        call,
        suffix,
        i === 1,
        halves.map((half) => half[i] as string),
      ),
    ) as [ReturnType<typeof direction>, ReturnType<typeof direction>];
    const joined = (a: string, b: string): string => call.node("Concat", [a, b], { axis: -1 });
    const states = forth.states.map((state, i) => joined(state, back.states[i] as string));
    return [sequenceOf(call, joined(forth.sequence, back.sequence), states[0] as string), ...states];
  },
});

/** One direction, its parameters' names ending in `suffix`. */
function direction(
  call: Lowering,
  suffix: string,
  isReversed: boolean,
  states: readonly string[],
): ReturnType<typeof recurred> {
  const [gate, ofCell, ofOutput] = ["recurrent_activation", "cell_activation", "activation"].map((name) =>
    activationOf(call, name),
  ) as [Activation, Activation, Activation];
  const hidden = transposed(call, call.in(`weight_hh${suffix}`));
  const peepholes = call.has(`peephole${suffix}`)
    ? call.nodes("Split", [call.in(`peephole${suffix}`)], { axis: 0, num_outputs: GATES - 1 }, GATES - 1)
    : [];
  const peeped = (g: StepGraph, i: number, input: string, c: string): string => {
    const peephole = peepholes[i];
    return peephole === undefined ? input : g.node("Add", [input, g.node("Mul", [peephole, c])]);
  };
  const limit = call.has("clip") ? call.number("clip") : undefined;
  return recurred(call, {
    inputs: projected(call, `weight_ih${suffix}`, [`bias${suffix}`]),
    states,
    isReversed,
    isAligned: isBidirectional(call),
    step(g, input, before) {
      const [h, c] = before as [string, string];
      const sums = g.node("Add", [input, g.node("MatMul", [h, hidden])]);
      const [enter, forget, output, cell] = g.parts(sums, GATES) as [string, string, string, string];
      const kept = g.node("Mul", [gate(g, peeped(g, 1, forget, c)), c]);
      const added = g.node("Mul", [gate(g, peeped(g, 0, enter, c)), ofCell(g, cell)]);
      const sum = g.node("Add", [kept, added]);
      const memory = limit === undefined ? sum : g.node("Clip", [sum, g.float(-limit), g.float(limit)]);
      return [g.node("Mul", [gate(g, peeped(g, 2, output, memory)), ofOutput(g, memory)]), memory];
    },
  });
}
