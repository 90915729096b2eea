import { describe, expect, test } from "vitest";
import { print } from "../../src/mil/print.ts";
import { built, type Changes, problemsOf } from "./problems.ts";

const CASE = "fill-mask_tied";
const refused = (changes: Changes, name = CASE): readonly unknown[] =>
  problemsOf("distilbert", name, changes).map(({ code, path, message }) => ({ code, path, message }));

describe("config", () => {
  test("what the graph does not implement is refused by name, all of it at once", () => {
    const problems = refused({ config: { activation: "snake", sinusoidal_pos_embds: "yes", hidden_dim: 0 } });
    expect(problems).toEqual([
      {
        code: "config.unsupported",
        path: "config.json: hidden_dim",
        message: "is 0, expected an integer from 1 to 16777216",
      },
      {
        code: "config.unsupported",
        path: "config.json: activation",
        message: expect.stringMatching(/^is "snake", expected an activation of Transformers \(.*gelu.*\)$/),
      },
      {
        code: "config.unsupported",
        path: "config.json: sinusoidal_pos_embds",
        message: 'is "yes", expected true or false',
      },
    ]);
  });

  test("a width that is no multiple of the heads is refused", () => {
    expect(refused({ config: { n_heads: 7 } })).toEqual([
      {
        code: "config.unsupported",
        path: "config.json: dim",
        message: "is 32, expected a multiple of n_heads, which is 7",
      },
    ]);
  });

  test("there is no past and there are no segments", () => {
    expect(refused({ options: { usePast: true } })).toContainEqual(expect.objectContaining({ code: "task.past" }));
    expect(refused({ options: { tokenTypeIds: "on" } })).toContainEqual(
      expect.objectContaining({ code: "option.segments" }),
    );
  });
});

describe("weights", () => {
  test("what is missing, mis-shaped or left over is listed at once", () => {
    const tensors = {
      "distilbert.embeddings.position_embeddings.weight": undefined,
      "vocab_projector.bias": [61],
      "distilbert.transformer.layer.0.attention.q_lin.gamma": [32],
      "distilbert.vocab_projector.weight": [60, 32],
    };
    expect(refused({ tensors })).toEqual([
      {
        code: "weight.missing",
        path: "distilbert.embeddings.position_embeddings.weight",
        message: "is not in the checkpoint, the config implies [24,32]",
      },
      { code: "weight.shape", path: "vocab_projector.bias", message: "is [61], the config implies [60]" },
      ...["distilbert.transformer.layer.0.attention.q_lin.gamma", "distilbert.vocab_projector.weight"].map((path) => ({
        code: "weight.unused",
        path,
        message: "is in the checkpoint, but the graph does not use it",
      })),
    ]);
  });

  test("gamma and beta are old names of the embeddings' norm", () => {
    const tensors = {
      "distilbert.embeddings.LayerNorm.weight": undefined,
      "distilbert.embeddings.LayerNorm.bias": undefined,
      "distilbert.embeddings.LayerNorm.gamma": [32],
      "distilbert.embeddings.LayerNorm.beta": [32],
    };
    const today = printed().replace(
      /LayerNorm\.(weight|bias)\)/g,
      (_, name) => `LayerNorm.${name === "bias" ? "beta" : "gamma"})`,
    );
    expect(printed({ tensors })).toBe(today);
  });

  test("a classifier without its hidden layer is refused", () => {
    const tensors = { "pre_classifier.weight": undefined, "pre_classifier.bias": undefined };
    expect(refused({ tensors }, "text-classification_two_labels")).toEqual([
      expect.objectContaining({ code: "weight.missing", path: "pre_classifier.weight" }),
      expect.objectContaining({ code: "weight.missing", path: "pre_classifier.bias" }),
    ]);
  });
});

function printed(changes?: Changes): string {
  const model = built("distilbert", CASE, changes).get("model");
  return model ? print(model.program) : expect.unreachable("the case has a past");
}
