import { ConversionError } from "../../diagnostics.ts";
import { isFixed } from "../../mil/dim.ts";
import type { Func } from "../../mil/program.ts";
import type { Finish, Plan, PlannedOutput } from "../../plan.ts";
import type { HostTensor, HostTensors } from "../../run/host-tensor.ts";
import type { OnnxFeature, OnnxSignature } from "../../run/onnx-file/onnx-file.ts";
import { featureText, fits, listed, type Shape, shapeText } from "./features.ts";

/** How the outputs of a plan follow from those of a file. */
export interface OnnxOutputs {
  /** Outputs of the plan, by name, that the file does not give. */
  readonly notGiven: readonly string[];
  /**
   * What the package must give, from what the file gave: softmax, sigmoid and a classifier's vector in label order.
   * @throws ConversionError `reference.onnx.output` when an output is not there, or of a shape that only another head has
   */
  of(given: HostTensors): HostTensors;
}

/** What outputs are called, by the key in a plan; of others the key is the name. */
const names: Readonly<Record<string, readonly string[]>> = {
  last_hidden_state: ["last_hidden_state", "token_embeddings"],
  pooler_output: ["pooler_output", "pooled_output"],
  logits: ["logits", "reconstruction"],
  start_logits: ["start_logits"],
  end_logits: ["end_logits"],
};
/** Names that stand for none of those, whatever their shape. */
const others =
  /^(sentence_embedding|(text|image)_embeds|hidden_states|attentions|(past|present)(_key_values)?)\b|^loss$/;
const present = /^present(?:_key_values)?[._](\d+)[._](?:decoder[._])?(key|value)$/;
const numeric = new Set(["float32", "float64", "float16", "int32", "int64"]);

/**
 * Finds the output of a file for each of a plan: by name, else by shape where exactly one can be meant.
 * @param func the graph of the plan, for the shapes of its outputs
 * @returns or, in words, why the file has another head
 */
export function onnxOutputs(
  plan: Plan,
  func: Func,
  { outputs: found }: OnnxSignature,
): OnnxOutputs | { readonly misfit: string } {
  const shapes = new Map(plan.outputs.map((o) => [o, shapeOf(o, plan, func)] as const));
  const suits = (o: PlannedOutput, f: OnnxFeature): boolean =>
    numeric.has(f.type) && fits(shapes.get(o) ?? [], f.shape);
  const matches = new Map<PlannedOutput, OnnxFeature>();
  for (const o of plan.outputs) {
    const named = found.find((f) => isNamed(o, f) && (f.shape.length === 0 || suits(o, f)));
    if (named) matches.set(o, named);
  }
  const unnamed = found.filter((f) => !isKnown(f));
  const open = plan.outputs.filter((o) => !matches.has(o));
  for (const o of open) {
    const [candidate, ...more] = unnamed.filter((f) => f.shape.length > 0 && suits(o, f));
    const isMeant = candidate && more.length === 0 && open.filter((other) => suits(other, candidate)).length === 1;
    if (isMeant) matches.set(o, candidate);
  }
  const notGiven = plan.outputs.filter((o) => !matches.has(o));
  const lacking = notGiven.filter((o) => !isSide(o));
  if (lacking.length > 0) {
    const expected = lacking.map((o) => `${o.key} ${shapeText(shapes.get(o) ?? [])}`);
    return { misfit: `it gives ${listed(found.map(featureText))}, expected ${listed(expected)} for ${plan.task}` };
  }
  return {
    notGiven: notGiven.map((o) => o.name),
    of: (given) =>
      Object.fromEntries(
        [...matches].map(([o, { name }]) => {
          const raw = given[name];
          const shape = shapes.get(o) ?? [];
          if (!raw || !fits(shape, raw.shape)) throw misshapen(name, raw, o, shape);
          return [o.name, finished(o.finish, raw)];
        }),
      ),
  };
}

/** Outputs beside those that the task is about. */
const isSide = ({ key }: PlannedOutput): boolean => key === "pooler_output" || key.startsWith("present_key_values_");

function isNamed({ key }: PlannedOutput, { name }: OnnxFeature): boolean {
  const [, layer, part] = present.exec(name) ?? [];
  return layer === undefined ? (names[key] ?? [key]).includes(name) : key === `present_key_values_${layer}_${part}`;
}

const isKnown = ({ name }: OnnxFeature): boolean => others.test(name) || Object.values(names).flat().includes(name);

/** What the raw output has: the graph's own shape, for a classifier one score per label. */
function shapeOf({ name, finish }: PlannedOutput, { labels = [] }: Plan, func: Func): Shape {
  if (finish === "classifier") return [1, labels.length];
  const type = func.body.outputs.find((v) => v.name === name)?.type;
  return type?.kind === "tensor" ? type.shape.map((d) => (isFixed([d]) ? (d as number) : null)) : [];
}

function misshapen(name: string, raw: HostTensor | undefined, { key }: PlannedOutput, shape: Shape): ConversionError {
  const what = raw ? `output '${name}' has shape [${raw.shape.join(", ")}]` : `there is no output '${name}'`;
  const message = `${what}, expected ${shapeText(shape)} for ${key}`;
  return new ConversionError("validation", [{ code: "reference.onnx.output", severity: "error", message }]);
}

/** In 64 bits, so that what the file gave is all that can be inexact. */
function finished(finish: Finish, { data, shape }: HostTensor): HostTensor {
  const values = Float64Array.from(data);
  if (finish === "sigmoid") for (const [i, x] of values.entries()) values[i] = 1 / (1 + Math.exp(-x));
  if (finish === "softmax" || finish === "classifier") softmax(values, shape.at(-1) ?? 1);
  const isVector = finish === "classifier";
  return { dtype: "fp32", shape: isVector ? shape.slice(-1) : shape, data: Float32Array.from(values) };
}

/** Over rows of that length, in place. */
function softmax(values: Float64Array, length: number): void {
  for (let start = 0; start < values.length; start += length) {
    const row = values.subarray(start, start + length);
    const max = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    for (const [i, x] of row.entries()) row[i] = Math.exp(x - max);
    const sum = row.reduce((a, b) => a + b, 0);
    for (const [i, x] of row.entries()) row[i] = x / sum;
  }
}
