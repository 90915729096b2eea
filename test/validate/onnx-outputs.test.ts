import { describe, expect, test } from "vitest";
import type { Func } from "../../src/mil/program.ts";
import type { PlanOptions } from "../../src/options.ts";
import type { Plan } from "../../src/plan.ts";
import { hostTensor } from "../../src/run/host-tensor.ts";
import type { OnnxFeature } from "../../src/run/onnx-file/onnx-file.ts";
import { onnxOutputs } from "../../src/validate/onnx/outputs.ts";
import { casesOf, checkpointOf } from "../fixtures/case.ts";
import { buildFrom } from "./onnx-models.ts";

/** A plan of a fixture and its graph. */
function built(modelType: string, name: string, options: PlanOptions = {}): readonly [plan: Plan, func: Func] {
  const c = casesOf(modelType).find((each) => each.name === name);
  if (!c) throw new RangeError(`no case ${name}`);
  const { plan, func } = buildFrom(checkpointOf(modelType, c), { ...c.options, task: c.task, ...options });
  return [plan, func];
}

const b = null;
const float = (name: string, ...shape: readonly (number | null)[]): OnnxFeature => ({ name, type: "float32", shape });
const found = ([plan, func]: readonly [Plan, Func], ...outputs: readonly OnnxFeature[]) =>
  onnxOutputs(plan, func, { inputs: [], outputs, narrowTypes: [] });
const misfitOf = (outputs: ReturnType<typeof found>): string => ("misfit" in outputs ? outputs.misfit : "it fits");

const features = built("bert", "feature-extraction_base");
const classes = built("bert", "text-classification_three_labels");
const tokens = built("bert", "fill-mask_tied");
const answers = built("bert", "question-answering_segments");
const decoder = built("gpt2", "text-generation_base_past");

describe("outputs are found", () => {
  test.each([
    ["by name", features, [float("pooler_output", b, 32), float("last_hidden_state", b, b, 32)], []],
    [
      "by another name",
      features,
      [float("token_embeddings", b, b, 32), float("sentence_embedding", b, 32)],
      ["pooler_output"],
    ],
    ["by shape", features, [float("output_0", b, b, 32), float("1234", b, 32)], []],
    ["by name where the file says no shape", classes, [float("logits")], []],
    ["beside others", classes, [float("hidden_states.0", b, b, 32), float("logits", b, 3)], []],
    [
      "by layer and part",
      decoder,
      [
        float("present.1.value", b, 4, b, 8),
        float("logits", b, b, 60),
        float("present.0.key", b, 4, b, 8),
        float("present.0.value", b, 4, b, 8),
        float("present_key_values.1.key", b, 4, b, 8),
      ],
      [],
    ],
    [
      "without keys and values",
      decoder,
      [float("logits", b, b, 60)],
      [
        "present_key_values_0_key",
        "present_key_values_0_value",
        "present_key_values_1_key",
        "present_key_values_1_value",
      ],
    ],
  ] as const)("%s", (_, plan, outputs, notGiven) => {
    expect(found(plan, ...outputs)).toMatchObject({ notGiven });
  });
});

describe("another head is refused", () => {
  test.each([
    ["a trunk for a classifier", classes, [float("last_hidden_state", b, b, 32)]],
    ["a trunk by shape", classes, [float("output_0", b, b, 32)]],
    ["a classifier of other labels", classes, [float("logits", b, 2)]],
    ["a classifier for a trunk", features, [float("logits", b, 2)]],
    ["a trunk for a language model", tokens, [float("last_hidden_state", b, b, 32)]],
    ["a tagger for a language model", tokens, [float("logits", b, b, 5)]],
    ["a pooled sentence for a trunk", features, [float("sentence_embedding", b, 32), float("pooler_output", b, 32)]],
    ["one that could be either of two", classes, [float("output_0", b, 3), float("output_1", b, 3)]],
    ["two that could be meant", answers, [float("output_0", b, b), float("output_1", b, b)]],
    ["text, whatever its name", classes, [{ name: "logits", type: "string", shape: [b, 3] }]],
  ])("%s", (_, plan, outputs) => {
    expect(misfitOf(found(plan, ...outputs))).toMatch(/^it gives .*, expected .* for /);
  });

  test("with what was found and expected", () => {
    expect(misfitOf(found(classes, float("last_hidden_state", b, b, 32), float("pooler_output", b, 32)))).toBe(
      "it gives last_hidden_state [?, ?, 32] float32, pooler_output [?, 32] float32, expected logits [1, 3] for text-classification",
    );
  });

  test("when only a run shows it", () => {
    const outputs = found(classes, float("logits", b, b));
    if ("misfit" in outputs) throw new Error(outputs.misfit);
    expect(() => outputs.of({ logits: hostTensor("fp32", [1, 2], [1, 2]) })).toThrow(
      "output 'logits' has shape [1, 2], expected [1, 3] for logits",
    );
    expect(() => outputs.of({})).toThrow("there is no output 'logits'");
  });
});

describe("what the task makes of raw outputs", () => {
  const finished = (
    plan: readonly [Plan, Func],
    given: Parameters<Exclude<ReturnType<typeof found>, { misfit: string }>["of"]>[0],
  ) => {
    const outputs = found(plan, ...Object.keys(given).map((name) => float(name)));
    if ("misfit" in outputs) throw new Error(outputs.misfit);
    return outputs.of(given);
  };

  test("a classifier: probabilities in label order", () => {
    const { probabilities } = finished(classes, {
      logits: hostTensor("fp32", [1, 3], [1000, 1000 + Math.log(2), 1000]),
    });
    expect(probabilities?.shape).toEqual([3]);
    for (const [i, p] of [0.25, 0.5, 0.25].entries()) expect(probabilities?.data[i]).toBeCloseTo(p, 4);
  });

  test("scores of tokens: a softmax over each row", () => {
    const raw = hostTensor("fp32", [1, 2], [0, Math.log(3)]);
    const { start_scores, end_scores } = finished(answers, {
      start_logits: raw,
      end_logits: hostTensor("fp32", [1, 2], [5, 5]),
    });
    expect(start_scores?.shape).toEqual([1, 2]);
    expect([...(start_scores?.data ?? [])]).toEqual([0.25, 0.75].map((p) => expect.closeTo(p, 6)));
    expect([...(end_scores?.data ?? [])]).toEqual([0.5, 0.5]);
  });

  test("labels that do not exclude each other: a sigmoid", () => {
    const plan = built("bert", "text-classification_multi_label");
    const raw = Array.from({ length: plan[0].labels?.length ?? 0 }, (_, i) => (i === 0 ? 0 : Math.log(3)));
    const { probabilities } = finished(plan, { logits: hostTensor("fp32", [1, raw.length], raw) });
    expect([...(probabilities?.data ?? [])]).toEqual(raw.map((_, i) => expect.closeTo(i === 0 ? 0.5 : 0.75, 6)));
  });

  test("nothing, where it is switched off", () => {
    const plan = built("bert", "text-classification_three_labels", { outputs: { logits: { softmax: false } } });
    const logits = hostTensor("fp32", [1, 3], [1, 2, 3]);
    expect(finished(plan, { logits })).toEqual({ logits });
  });
});
