import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../src/diagnostics.ts";
import type { PlanOptions } from "../../src/options.ts";
import type { Plan } from "../../src/plan.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { casesOf, checkpointOf, type FixtureCase } from "../fixtures/case.ts";

const fixture = (name: string): FixtureCase => casesOf("bert").find((c) => c.name === name) as FixtureCase;
const planned = (name: string, options: PlanOptions = {}, config: Record<string, unknown> = {}) => {
  const c = fixture(name);
  return makePlan(checkpointOf("bert", { ...c, config: { ...c.config, ...config } }), { task: c.task, ...options });
};
const plan = (name: string, options?: PlanOptions, config?: Record<string, unknown>): Plan =>
  planned(name, options, config).plans[0] as Plan;
const codes = (body: () => unknown): readonly string[] => {
  try {
    body();
    return [];
  } catch (cause) {
    return (cause as { diagnostics: { code: string }[] }).diagnostics.map((d) => d.code);
  }
};

const warnings = ({ diagnostics }: { readonly diagnostics: readonly Diagnostic[] }): readonly string[] =>
  diagnostics.filter((d) => d.severity === "warning").map((d) => d.code);

describe("inputs", () => {
  test("by default ids and mask, 1 to the model's maximum", () => {
    const p = plan("feature-extraction_base");
    expect(p.inputs.map((i) => i.name)).toEqual(["input_ids", "attention_mask"]);
    expect(p.lengths).toEqual({ S: { min: 1, max: 24, default: 24 } });
  });
  test("segments where the task is about two texts", () => {
    expect(plan("question-answering_segments").inputs.map((i) => i.name)).toContain("token_type_ids");
    expect(plan("next-sentence-prediction_base").inputs.map((i) => i.name)).toContain("token_type_ids");
    expect(plan("question-answering_segments", { tokenTypeIds: "off" }).inputs.map((i) => i.name)).not.toContain(
      "token_type_ids",
    );
  });
  test("no segments without a mask", () => {
    const p = plan("question-answering_segments", { attentionMask: false });
    expect(p.inputs.map((i) => i.name)).toEqual(["input_ids"]);
  });
  test("choices are the labels' number unless stated", () => {
    expect(plan("multiple-choice_default").inputs[0]).toMatchObject({ shape: [1, 2, ["S"]] });
    expect(plan("multiple-choice_default", { choices: 5 }).inputs[0]).toMatchObject({ shape: [1, 5, ["S"]] });
  });
  test("renamed, described and removed as asked; unknown names are refused", () => {
    const p = plan("feature-extraction_base", {
      inputs: { input_ids: { name: "ids", description: "Tokens" }, attention_mask: null },
    });
    expect(p.inputs).toMatchObject([{ key: "input_ids", name: "ids", description: "Tokens" }]);
    expect(codes(() => plan("feature-extraction_base", { inputs: { pixels: null } }))).toEqual(["option.input"]);
  });
});

describe("past", () => {
  test("P and S share the positions, the mask covers both, and prefill stands beside", () => {
    const { plans } = planned("text-generation_absolute_past", { usePast: true, sequenceLength: "1..4" });
    expect(plans.map((p) => p.part)).toEqual(["decode", "prefill"]);
    const [decode, prefill] = plans as [Plan, Plan];
    expect(decode.lengths).toMatchObject({ S: { min: 1, max: 4 }, P: { min: 1, max: 20 } });
    expect(decode.inputs.find((i) => i.key === "attention_mask")).toMatchObject({ shape: [1, ["P", "S"]] });
    expect(decode.inputs.filter((i) => i.kind === "tensor" && i.role === "past")).toHaveLength(4);
    expect(prefill.inputs.map((i) => i.key)).toEqual(["input_ids", "attention_mask"]);
    expect(prefill.outputs.map((o) => o.key)).toContain("present_key_values_1_value");
  });
  test("an empty past is a length like others, and its inputs may be left out", () => {
    const [decode] = planned("text-generation_absolute_past", { usePast: true, emptyPast: true }).plans;
    expect(decode?.lengths.P).toMatchObject({ min: 0, default: 0 });
    expect(decode?.inputs.find((i) => i.key === "past_key_values_0_key")).toMatchObject({ optional: true });
  });
  test("a fixed call leaves a sum with a number", () => {
    const [decode] = planned("text-generation_absolute_past", {
      usePast: true,
      sequenceLength: 1,
      prefill: false,
    }).plans;
    expect(decode?.inputs.find((i) => i.key === "attention_mask")).toMatchObject({ shape: [1, ["P", "1"]] });
  });
  test("enumerated lengths are refused: the mask would have to list every sum", () => {
    const asked = { usePast: true, sequenceLength: "1,4" };
    expect(codes(() => planned("text-generation_absolute_past", asked))).toEqual(["length.past"]);
  });
  test("a model that is no decoder has none", () => {
    expect(codes(() => planned("fill-mask_tied", { task: "text-generation", usePast: true }))).toEqual(["task.past"]);
  });
});

describe("tasks", () => {
  test("older names warn, canonical ones do not", () => {
    const older = planned("fill-mask_tied", { task: "masked-lm" });
    expect(older.plans[0]?.task).toBe("fill-mask");
    expect(warnings(older)).toEqual(["task.older"]);
    expect(warnings(planned("fill-mask_tied"))).toEqual([]);
  });
  test("-with-past means usePast, auto reads the config", () => {
    expect(planned("text-generation_absolute_past", { task: "causal-lm-with-past" }).plans).toHaveLength(2);
    expect(planned("token-classification_three_labels", { task: "auto" }).plans[0]?.task).toBe("token-classification");
  });
  test("a misspelled task is suggested", () => {
    expect(() => planned("fill-mask_tied", { task: "fil-mask" })).toThrow(
      expect.objectContaining({
        diagnostics: [expect.objectContaining({ code: "task.unknown", hint: expect.stringContaining("'fill-mask'") })],
      }),
    );
  });
  test("regression, several labels at once, and one of many", () => {
    expect(plan("text-classification_regression")).toMatchObject({ outputs: [{ name: "logits", finish: "none" }] });
    expect(plan("text-classification_multi_label")).toMatchObject({
      outputs: [{ name: "probabilities", finish: "sigmoid" }],
    });
    expect(plan("text-classification_two_labels")).toMatchObject({
      outputs: [{ finish: "classifier" }],
      classifier: { label: "classLabel", probabilities: "probabilities" },
    });
  });
  test("equal labels are told apart", () => {
    const labels = plan("text-classification_duplicate_labels").labels ?? [];
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels.some((l) => l.endsWith("_duplicate"))).toBe(true);
  });
  test("a classifier without softmax is a plain model with logits", () => {
    const p = plan("text-classification_two_labels", { outputs: { logits: { softmax: false } } });
    expect(p.outputs).toMatchObject([{ name: "logits", finish: "none" }]);
    expect(p.classifier).toBeUndefined();
  });
  test("no pooler in the checkpoint: no pooler_output, and a word about it", () => {
    const { plans, diagnostics } = planned("feature-extraction_no_pooler");
    expect(plans[0]?.outputs.map((o) => o.key)).toEqual(["last_hidden_state"]);
    expect(warnings({ diagnostics })).toEqual(["output.pooler"]);
  });
});

test("a range is said to run on the CPU; a fixed or listed length is not", () => {
  const notes = (sequenceLength: string): readonly string[] =>
    planned("feature-extraction_base", { sequenceLength }).diagnostics.map((d) => d.code);
  expect(notes("1..8")).toEqual(["length.range"]);
  expect(notes("8")).toEqual([]);
  expect(notes("8,16")).toEqual([]);
});

describe("target", () => {
  test("iOS16 unless asked; several enumerated inputs raise it and refuse a lower one", () => {
    expect(plan("feature-extraction_base").target).toBe("iOS16");
    expect(plan("feature-extraction_base", { target: "iOS15" }).target).toBe("iOS15");
    expect(plan("feature-extraction_base", { sequenceLength: "8,16" }).target).toBe("iOS18");
    expect(plan("feature-extraction_base", { sequenceLength: "8,16", attentionMask: false }).target).toBe("iOS16");
    expect(codes(() => plan("feature-extraction_base", { sequenceLength: "8,16", target: "iOS17" }))).toEqual([
      "option.target",
    ]);
  });
});

describe("config", () => {
  test("what the graph does not implement is refused by its key, all at once", () => {
    expect(() => plan("feature-extraction_base", {}, { add_cross_attention: true, hidden_act: "maxout" })).toThrow(
      expect.objectContaining({
        diagnostics: [
          expect.objectContaining({ code: "config.unsupported", path: "config.json: hidden_act" }),
          expect.objectContaining({ code: "config.unsupported", path: "config.json: add_cross_attention" }),
        ],
      }),
    );
  });
  test("an unknown model type lists the known ones and suggests", () => {
    expect(() => plan("feature-extraction_base", {}, { model_type: "bret" })).toThrow(
      expect.objectContaining({
        diagnostics: [
          expect.objectContaining({ code: "architecture.unsupported", hint: expect.stringContaining("'bert'") }),
        ],
      }),
    );
  });
});

describe("what a broken file may say", () => {
  const image = (size: object) => () => {
    const c = casesOf("vit").find(({ name }) => name === "feature-extraction_base") as FixtureCase;
    return makePlan(checkpointOf("vit", { ...c, preprocessor: { ...c.preprocessor, size } }), { task: c.task });
  };
  test("an image larger than memory", () => {
    expect(codes(image({ height: 5e14, width: 24 }))).toEqual(["image.size"]);
    expect(codes(image({ height: 100_000, width: 100_000 }))).toEqual(["image.size"]);
    expect(codes(image({ height: 24, width: 24 }))).toEqual([]);
  });
  test("labels that are objects", () => {
    const labelled = (label: unknown) => () =>
      plan("text-classification_two_labels", {}, { id2label: { 0: "a", 1: label } });
    expect(codes(labelled({ toString: 1, valueOf: 1 }))).toEqual(["config.labels"]);
    expect(codes(labelled(7))).toEqual([]);
  });
  test("more layers than are built", () => {
    expect(codes(() => plan("feature-extraction_base", {}, { num_hidden_layers: 100_000 }))).toEqual([
      "config.unsupported",
    ]);
  });
  test("more tokens than memory holds a bias for", () => {
    expect(codes(() => plan("feature-extraction_base", {}, { vocab_size: 60_000_000 }))).toEqual([
      "config.unsupported",
    ]);
  });
  test("a token that is no int32", () => {
    const c = casesOf("gpt2").find(({ name }) => name === "text-classification_pad_token") as FixtureCase;
    const config = { ...c.config, pad_token_id: 2 ** 53 };
    expect(codes(() => makePlan(checkpointOf("gpt2", { ...c, config }), { task: c.task }))).toEqual([
      "config.unsupported",
    ]);
  });
  test("a value as long as the file, shown in part", () => {
    try {
      plan("feature-extraction_base", {}, { position_embedding_type: "x".repeat(1 << 20) });
      expect.unreachable("nothing was refused");
    } catch (cause) {
      expect((cause as Error).message).toMatch(/position_embedding_type: is "x+ … x+", expected "absolute"/);
      expect((cause as Error).message.length).toBeLessThan(500);
    }
  });
});
