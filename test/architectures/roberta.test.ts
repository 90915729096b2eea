import { describe, expect, test } from "vitest";
import { ops } from "../../src/mil/ops/index.ts";
import { print } from "../../src/mil/print.ts";
import { verify } from "../../src/mil/verify.ts";
import { built, type Changes, problemsOf } from "./problems.ts";

/** `code path: message` of everything that refuses a case of the fixtures with changes. */
const faults = (caseName: string, changes: Changes): readonly string[] =>
  problemsOf("roberta", caseName, changes).map((d) => `${d.code} ${d.path}: ${d.message}`);

describe("config", () => {
  test.each([
    [{ pad_token_id: 60, max_position_embeddings: 70 }, ["is 60, expected less than vocab_size, which is 60"]],
    [{ pad_token_id: 23 }, ["is 23, expected less than max_position_embeddings - 1, which is 23"]],
    [{ pad_token_id: -1 }, ["is -1, expected an integer of at least 0"]],
  ])("refuses a padding id that leaves no row: %o", (config, messages) => {
    expect(faults("feature-extraction_base", { config })).toEqual(
      messages.map((message) => `config.unsupported config.json: pad_token_id: ${message}`),
    );
  });

  test("checks what it shares with BERT", () => {
    expect(
      faults("feature-extraction_base", { config: { num_attention_heads: 7, add_cross_attention: true } }),
    ).toEqual(["config.unsupported config.json: add_cross_attention: is true, expected false"]);
    expect(faults("feature-extraction_base", { config: { num_attention_heads: 7 } })).toEqual([
      "config.unsupported config.json: hidden_size: is 32, expected a multiple of num_attention_heads, which is 7",
    ]);
  });
});

describe("length", () => {
  test.each([
    ["feature-extraction_base", 22],
    ["feature-extraction_pad_0", 23],
    ["feature-extraction_pad_5", 18],
    ["feature-extraction_relative_key", 24],
  ])("%s has %i positions", (name, most) => {
    expect(printed(name, { options: { sequenceLength: most } })).toContain(`input_ids: tensor<int32, [1, ${most}]>`);
    expect(faults(name, { options: { sequenceLength: most + 1 } })).toEqual([
      `length.limit --sequence-length: ${most + 1} is more than the ${most} positions the model has`,
    ]);
  });

  test("a model that is no decoder has no past", () => {
    expect(faults("text-generation_not_a_decoder", { options: { usePast: true } })).toEqual([
      "task.past --use-past: text-generation of this model has no past: it is no decoder",
    ]);
  });
});

describe("weights", () => {
  test("the classifier is RoBERTa's own, not BERT's", () => {
    const tensors = {
      "classifier.dense.weight": undefined,
      "classifier.out_proj.weight": [2, 30],
      "roberta.encoder.layer.2.output.dense.bias": [32],
    };
    expect(faults("text-classification_two_labels", { tensors })).toEqual([
      "weight.missing classifier.dense.weight: is not in the checkpoint, the config implies [32,32]",
      "weight.shape classifier.out_proj.weight: is [2,30], the config implies [2,32]",
      "weight.unused roberta.encoder.layer.2.output.dense.bias: is in the checkpoint, but the graph does not use it",
    ]);
  });

  test("heads of other tasks and the pooler may be left over, others may not", () => {
    const others = { "lm_head.bias": [60], "qa_outputs.weight": [2, 32], "roberta.pooler.dense.bias": [32] };
    expect(() => built("roberta", "text-classification_two_labels", { tensors: others })).not.toThrow();
    const unknown = { "lm_head.transform.weight": [32, 32], "cls.predictions.bias": [60] };
    expect(faults("text-classification_two_labels", { tensors: unknown })).toEqual(
      Object.keys(unknown).map((name) => `weight.unused ${name}: is in the checkpoint, but the graph does not use it`),
    );
  });

  test("a head that is not tied must be there, a tied one is the word embeddings: one constant", () => {
    const stored = "lm_head.decoder.weight";
    expect(faults("fill-mask_untied", { tensors: { [stored]: undefined } })).toEqual([
      `weight.missing ${stored}: is not in the checkpoint, the config implies [60,30]`,
    ]);
    const constants = printed("fill-mask_tied_over_stored_decoder").match(/= const\(.*\n/g);
    expect(constants?.filter((line) => /word_embeddings|lm_head_decoder_weight/.test(line))).toHaveLength(1);
  });
});

/** The verified program of a case without a past. */
function printed(name: string, changes?: Changes): string {
  const model = built("roberta", name, changes).get("model");
  if (!model) return expect.unreachable("the case has a past");
  verify(model.program, ops);
  return print(model.program);
}
