import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Report } from "../../src/report/report.ts";
import { validate } from "../../src/validate-package.ts";
import { scratchFolder } from "../shells/scratch.ts";
import { packageNames, packagePath, writeCheckpoint } from "./packages.ts";

const scratch = scratchFolder("validate-package");

/** What each package is taken for: the task, and where outputs of the package stand. */
const expected: Readonly<Record<string, readonly [task: string, outputs: readonly string[]]>> = {
  "bert_masked-lm": ["fill-mask", ["token_scores softmax"]],
  "bert_masked-lm_fp16": ["fill-mask", ["token_scores softmax"]],
  "bert_masked-lm_palettized": ["fill-mask", ["token_scores softmax"]],
  "bert_masked-lm_linear8": ["fill-mask", ["token_scores softmax"]],
  "bert_sequence-classification": ["text-classification", ["probabilities classifier"]],
  "bert_sequence-classification_fp16-io": ["text-classification", ["logits none"]],
  "bert_question-answering": ["question-answering", ["start_scores softmax", "end_scores softmax"]],
  "bert_token-classification_raw": ["token-classification", ["var_126 none"]],
  distilbert_default: ["feature-extraction", ["last_hidden_state none"]],
  "gpt2_causal-lm": ["text-generation", ["logits none"]],
  "vit_image-classification": ["image-classification", ["probabilities classifier"]],
  "vit_image-classification_tensor": ["image-classification", ["var_123 none"]],
};

const messages = (report: Report): string[] => report.diagnostics.map((d) => `${d.path}: ${d.message}`);

describe("packages of others pass", () => {
  test.each(Object.entries(expected))("%s", async (name, [task, outputs]) => {
    const model = writeCheckpoint(name, join(scratch, name));
    const report = await validate(packagePath(name), { model });
    const [found] = report.packages;
    expect(report.verdict.status, JSON.stringify(found?.validation.sets, null, 1)).toBe("passed");
    expect(found?.plan.task).toBe(task);
    expect(found?.plan.outputs.map((o) => `${o.name} ${o.finish}`)).toEqual(outputs);
    expect(found?.validation.sets.length).toBeGreaterThanOrEqual(3);
  });

  test("and none was forgotten", () => {
    const bad = ["bert_masked-lm_fp16_nan"];
    expect([...Object.keys(expected), ...bad].sort()).toEqual([...packageNames].sort());
  });
});

describe("the report says", () => {
  test("which outputs were not compared", async () => {
    const name = "bert_sequence-classification_fp16-io";
    const report = await validate(packagePath(name), { model: writeCheckpoint(name, join(scratch, "extra")) });
    expect(report.verdict).toEqual({ status: "passed", executor: "onnxruntime", notCompared: ["hiddenStates"] });
    expect(report.packages[0]?.plan.lengths.S).toEqual({ min: 1, max: 24, default: 24 });
  });

  test("how weights were compressed and what that costs", async () => {
    const name = "bert_masked-lm_palettized";
    const report = await validate(packagePath(name), { model: writeCheckpoint(name, join(scratch, "compressed")) });
    const texts = messages(report).join("\n");
    expect(texts).toMatch(/constexpr_lut_to_dense: 10 weights, farthest .* \(\d\.\d+ % .*; 10 of them hold/);
    expect(texts).toContain("the gate of float16: the package computes in half precision; compressed weights are");
  });
});
