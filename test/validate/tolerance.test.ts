import { describe, expect, test } from "vitest";
import type { Plan } from "../../src/plan.ts";
import { outputKind, toleranceOf } from "../../src/validate/tolerance.ts";
import { planOf } from "./planned.ts";

const reference = { standardDeviation: 2, max: 10, count: 8 };

describe("the default", () => {
  test("of float32 is 1e-4, whatever the values", () => {
    expect(toleranceOf("values", "float32", reference)).toEqual({ atol: 1e-4, rule: "float32: 1e-4" });
    expect(toleranceOf("probabilities", "float32", reference).atol).toBe(1e-4);
  });

  test("of float16 follows the deviation of the reference", () => {
    expect(toleranceOf("values", "float16", reference).atol).toBe(0.06);
  });

  test("of float16 for a near-uniform reference follows its magnitude", () => {
    expect(toleranceOf("values", "float16", { standardDeviation: 0, max: 10, count: 8 }).atol).toBeCloseTo(0.03, 12);
  });

  test.each(["probabilities", "rates"] as const)("of float16 for %s is 5e-3", (kind) => {
    expect(toleranceOf(kind, "float16", { standardDeviation: 0.3, max: 1, count: 8 }).atol).toBe(5e-3);
  });
});

describe("an explicit atol", () => {
  test("replaces the gate and says so", () => {
    expect(toleranceOf("values", "float16", reference, 0.5)).toEqual({ atol: 0.5, rule: "set explicitly" });
    expect(toleranceOf("values", "float16", reference, 0).atol).toBe(0);
  });

  test("does not widen what counts as a tie", () => {
    const margin = toleranceOf("scores", "float16", reference).tieMargin?.(10);
    expect(toleranceOf("scores", "float16", reference, 1000).tieMargin?.(10)).toBe(margin);
    expect(margin).toBe(0.12);
  });
});

test("among many small probabilities a tie is a share of the larger", () => {
  const { tieMargin } = toleranceOf("probabilities", "float16", { standardDeviation: 1e-4, max: 1e-3, count: 8 });
  expect(tieMargin?.(0.9)).toBe(0.01);
  expect(tieMargin?.(1e-3)).toBeCloseTo(6e-5, 12);
});

describe("what an output is", () => {
  const kinds = (plan: Plan): string[] => plan.outputs.map((o) => `${o.name}: ${outputKind(o, plan)}`);

  test.each([
    ["bert", "feature-extraction_base", ["last_hidden_state: values", "pooler_output: values"]],
    ["bert", "text-classification_two_labels", ["probabilities: probabilities"]],
    ["bert", "text-classification_multi_label", ["probabilities: rates"]],
    ["bert", "text-classification_regression", ["logits: values"]],
    ["bert", "question-answering_segments", ["start_scores: probabilities", "end_scores: probabilities"]],
    ["bert", "fill-mask_tied", ["token_scores: probabilities"]],
    ["gpt2", "text-generation_base", ["logits: scores"]],
    ["vit", "masked-im_base", ["logits: values"]],
  ])("%s %s", (modelType, name, expected) => {
    expect(kinds(planOf(modelType, name))).toEqual(expected);
  });

  test("logits of a classifier without softmax still rank", () => {
    const plan = planOf("bert", "text-classification_two_labels", { outputs: { logits: { softmax: false } } });
    expect(kinds(plan)).toEqual(["logits: scores"]);
  });
});
