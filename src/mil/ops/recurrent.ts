// What lstm, gru and rnn share.
// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#recurrent
// https://onnx.ai/onnx/operators/onnx__Scan.html
import type { Call } from "../call.ts";
import { type Dim, dimsText, mulDims } from "../dim.ts";
import type { Lowering, OnnxAttribute, OnnxSink } from "../lowering.ts";
import { optionalTensor, type Param, tensor, weight } from "../params.ts";
import { type Result, result } from "../row.ts";
import { float } from "./domains.ts";

/** Half precision only from iOS17 on. */
export const recurrentDomains = { T: { iOS15: ["fp32"], iOS17: float } } as const;
export const x = tensor("x", "T");
export const initialH = tensor("initial_h", "T");
export const weights = [weight("weight_ih", "T"), weight("weight_hh", "T")] as const;
export const optionalWeight = <const N extends string>(name: N): ReturnType<typeof optionalTensor<N>> =>
  optionalTensor(name, "T", { binding: "const" });

export const isReverse = (call: Call): boolean => call.word("direction") === "reverse";

/** @throws Refusal for a direction the op does not have */
export function checkDirection(call: Call, known: readonly string[]): void {
  const wanted = call.word("direction");
  if (!known.includes(wanted)) call.refuse(`direction '${wanted}', expected ${known.join(", ")}`);
}

/** The size of the hidden state; the weights must be [gates·H, I] and [gates·H, H]. */
export function hiddenSize(call: Call, gates: number, suffix = ""): Dim {
  const [inputs, hidden] = [call.shape(`weight_ih${suffix}`), call.shape(`weight_hh${suffix}`)];
  const size = hidden[1];
  if (size === undefined || hidden.length !== 2 || inputs.length !== 2) {
    return call.refuse(`weights ${dimsText(inputs)} and ${dimsText(hidden)}, expected rank 2`);
  }
  call.unify(hidden[0] as Dim, mulDims(size, gates), `rows of 'weight_hh${suffix}' and ${gates} gates`);
  call.unify(inputs[0] as Dim, mulDims(size, gates), `rows of 'weight_ih${suffix}' and ${gates} gates`);
  call.unify(inputs[1] as Dim, call.shape("x")[2] ?? 0, "columns of weight_ih and features of x");
  for (const name of [`bias${suffix}`, "input_bias"].filter((n) => call.has(n))) {
    call.unify(call.shape(name)[0] ?? 0, mulDims(size, gates), `entries of '${name}' and ${gates} gates`);
  }
  return size;
}

/** The outputs of every step (or of the last one), and `states` last states, each `width` wide. */
export function recurrentResults(call: Call, width: Dim, states: readonly string[]): readonly Result[] {
  const { dtype, shape } = call.type("x");
  const [steps, batch] = shape;
  if (steps === undefined || batch === undefined || shape.length !== 3) {
    return call.refuse(`x ${dimsText(shape)}, expected [steps, batch, features]`);
  }
  for (const name of states) {
    const given = call.shape(name);
    if (given.length !== 2) call.refuse(`'${name}' ${dimsText(given)}, expected [batch, ${dimsText([width])}]`);
    call.unify(given[0] as Dim, batch, `examples of '${name}' and of x`);
    call.unify(given[1] as Dim, width, `size of '${name}' and of the hidden state`);
  }
  const count = call.flag("output_sequence") ? steps : 1;
  return [result(dtype, [count, batch, width]), ...states.map(() => result(dtype, [batch, width]))];
}

/** Puts a node into the graph of one step and returns its result. */
export type StepNode = (
  op: string,
  inputs: readonly string[],
  attributes?: Readonly<Record<string, OnnxAttribute>>,
) => string;

/** The graph of one step, which sees the values around it. */
export interface StepGraph {
  readonly node: StepNode;
  readonly float: (value: number) => string;
  /** `x` cut into `count` equal parts along its last dimension. */
  readonly parts: (x: string, count: number) => readonly string[];
}

const stepGraph = (sink: OnnxSink): StepGraph => ({
  node: (op, inputs, attributes = {}) => sink.node(op, inputs, attributes, 1)[0] as string,
  float: (value) => sink.constant("float", [], [value]),
  parts: (whole, count) => sink.node("Split", [whole], { axis: -1, num_outputs: count }, count),
});

export type Activation = (g: StepGraph, x: string) => string;

/** Keras's, whose layers Core ML's were made for: https://github.com/keras-team/keras/blob/v2.15.0/keras/activations.py */
const hardSigmoid: Activation = (g, v) => {
  const line = g.node("Add", [g.node("Mul", [v, g.float(0.2)]), g.float(0.5)]);
  return g.node("Clip", [line, g.float(0), g.float(1)]);
};
const tanh: Activation = (g, v) => g.node("Tanh", [v]);
const activations: Readonly<Record<string, Activation>> = {
  hard_sigmoid: hardSigmoid,
  linear: (_, v) => v,
  relu: (g, v) => g.node("Relu", [v]),
  sigmoid: (g, v) => g.node("Sigmoid", [v]),
  sigmoid_hard: hardSigmoid,
  tanh,
  // With the default factors, both 1, says coremltools' own test of the runtime (`TestLSTM.test_numpy_numerical`).
  scaled_tanh: tanh,
};

/** The function a parameter names. @throws Refusal for one whose definition is not known */
export function activationOf(call: Call, name: string): Activation {
  const wanted = call.word(name).toLowerCase();
  const known = Object.hasOwn(activations, wanted) ? activations[wanted] : undefined;
  return known ?? call.refuse(`${name} '${wanted}', expected ${Object.keys(activations).join(", ")}`);
}

export const transposed = (call: Lowering, matrix: string): string =>
  call.node("Transpose", [matrix], { perm: [1, 0] });

/** `weight_ih · x` of all steps, plus the vectors of `biases` that are given. */
export function projected(call: Lowering, matrix: string, biases: readonly string[]): string {
  const product = call.node("MatMul", [call.in("x"), transposed(call, call.in(matrix))]);
  return biases.filter((n) => call.has(n)).reduce((sum, n) => call.node("Add", [sum, call.in(n)]), product);
}

export interface Recurrence {
  /** What each step takes, [steps, batch, …]. */
  readonly inputs: string;
  /** States before the first step; the first of them is also what each step gives. */
  readonly states: readonly string[];
  readonly isReversed: boolean;
  /** Whether the outputs of a reversed run stand where their inputs do, rather than in the order they are made. */
  readonly isAligned: boolean;
  step(g: StepGraph, input: string, states: readonly string[]): readonly string[];
}

/** Runs `step` once per entry of `inputs`. */
export function recurred(
  call: Lowering,
  r: Recurrence,
): { readonly sequence: string; readonly states: readonly string[] } {
  const states = r.states.map((_, i) => `${r.inputs}:state${i}`);
  const input = `${r.inputs}:step`;
  const names = [...states, input].map((name) => ({ name, type: "float" }) as const);
  const body = call.subgraph(names, (sink) => {
    const next = r.step(stepGraph(sink), input, states);
    return [...next, next[0] as string];
  });
  const attributes = {
    body,
    num_scan_inputs: 1,
    scan_input_directions: [Number(r.isReversed)],
    scan_output_directions: [Number(r.isReversed && r.isAligned)],
  };
  const results = call.nodes("Scan", [...r.states, r.inputs], attributes, states.length + 1);
  return { sequence: results.at(-1) as string, states: results.slice(0, -1) };
}

/** The first result: every step's output, or the last state as a sequence of one. */
export const sequenceOf = (call: Lowering, sequence: string, last: string): string =>
  call.flag("output_sequence") ? sequence : call.node("Unsqueeze", [last, call.int64s([0])]);

/** Absent unless given: coremltools writes no default for it. */
export const optionalScalar = <const N extends string, T>(
  name: N,
  dtypes: Param["dtypes"],
  since?: Param["since"],
): Param<N, T, false> => ({
  name,
  dtypes,
  form: "scalar",
  binding: "const",
  default: null,
  ...(since ? { since } : {}),
});
