import { describe, expect, test } from "vitest";
import { ops } from "../../src/mil/ops/index.ts";
import { print } from "../../src/mil/print.ts";
import { verify } from "../../src/mil/verify.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import { built, type Changes, problemsOf } from "./problems.ts";

const CASE = "text-generation_base";
const refused = (changes: Changes): readonly unknown[] =>
  problemsOf("gpt2", CASE, changes).map(({ code, path, message }) => ({ code, path, message }));

describe("config", () => {
  test("what the graph does not implement is refused by name, all of it at once", () => {
    const config = { add_cross_attention: true, activation_function: "snake", n_layer: undefined };
    const problems = refused({ config });
    expect(problems).toContainEqual({
      code: "config.unsupported",
      path: "config.json: add_cross_attention",
      message: "is true, expected false",
    });
    expect(problems).toContainEqual({
      code: "config.unsupported",
      path: "config.json: activation_function",
      message: expect.stringMatching(/^is "snake", expected an activation of Transformers \(.*gelu_new.*\)$/),
    });
    expect(problems).toContainEqual({
      code: "config.missing",
      path: "config.json: n_layer",
      message: "is missing, expected an integer from 1 to 1024",
    });
    expect(problems).toHaveLength(3);
  });

  test("a width that is no multiple of the heads is refused", () => {
    expect(refused({ config: { n_head: 5 } })).toEqual([
      {
        code: "config.unsupported",
        path: "config.json: n_embd",
        message: "is 32, expected a multiple of n_head, which is 5",
      },
    ]);
  });

  test("the names of other models are read too, and count before GPT-2's own", () => {
    const others = {
      n_embd: 99,
      hidden_size: 32,
      n_head: undefined,
      num_attention_heads: 4,
      n_layer: null,
      num_hidden_layers: 2,
      n_positions: 7,
      max_position_embeddings: 24,
    };
    expect(printed(CASE, { config: others })).toBe(printed(CASE));
    expect(refused({ config: { num_attention_heads: "four" } })).toEqual([
      {
        code: "config.unsupported",
        path: "config.json: num_attention_heads",
        message: 'is "four", expected an integer from 1 to 16777216',
      },
    ]);
  });
});

describe("weights", () => {
  test("what is missing, mis-shaped or left over is listed at once", () => {
    const tensors = {
      "transformer.h.1.mlp.c_fc.bias": undefined,
      "transformer.h.0.attn.c_attn.weight": [96, 32],
      "transformer.h.2.ln_1.weight": [32],
      "transformer.h.0.attn.q_attn.bias": [32],
    };
    expect(refused({ tensors })).toEqual([
      {
        code: "weight.shape",
        path: "transformer.h.0.attn.c_attn.weight",
        message: "is [96,32], the config implies [32,96]",
      },
      {
        code: "weight.missing",
        path: "transformer.h.1.mlp.c_fc.bias",
        message: "is not in the checkpoint, the config implies [128]",
      },
      ...["transformer.h.2.ln_1.weight", "transformer.h.0.attn.q_attn.bias"].map((path) => ({
        code: "weight.unused",
        path,
        message: "is in the checkpoint, but the graph does not use it",
      })),
    ]);
  });

  test("a head that is not tied must be there", () => {
    expect(refused({ config: { tie_word_embeddings: false } })).toEqual([
      {
        code: "weight.missing",
        path: "lm_head.weight",
        message: "is not in the checkpoint, the config implies [60,32]",
      },
    ]);
  });

  test("a tied head is the word embeddings: one constant", () => {
    const text = printed("text-generation_tied_over_stored_head");
    expect(text.match(/= const\(.*\n/g)?.filter((line) => line.includes("wte"))).toHaveLength(1);
    expect(text).toMatch(/logits: .* = linear\(x = .*, weight = transformer_wte_weight, /);
  });
});

describe("graph", () => {
  test("reorder_and_upcast_attn keeps scores and softmax in float32, and nothing else", () => {
    const model = built("gpt2", "text-generation_upcast").get("model");
    const half = [...(model?.program.functions.values() ?? [])].map((f) => halfPrecision(f, ops));
    const full = half.flatMap((f) => f.body.nodes).filter((n) => n.keep === "fp32");
    const once = ["mul", "matmul", "add", "softmax"];
    expect(full.map((n) => n.op)).toEqual([...once, ...once]);
    expect(full.flatMap((n) => n.outputs).map((v) => v.type)).toEqual(
      full.map(() => expect.objectContaining({ dtype: "fp32" })),
    );
  });

  test.each(["text-classification_pad_token", "text-classification_no_pad_token", CASE])(
    "%s can have a fixed length",
    (name) => {
      expect(printed(name, { options: { sequenceLength: 9 } })).toContain(
        "func main<iOS16>(input_ids: tensor<int32, [1, 9]>",
      );
    },
  );

  test("a past needs no mask: its length is that of the keys", () => {
    const options = { usePast: true, sequenceLength: 1, inputs: { attention_mask: null } };
    const models = built("gpt2", "text-generation_base_past", { options });
    for (const { program } of models.values()) verify(program, ops);
    const decode = models.get("decode");
    expect(decode && print(decode.program)).toContain("present_key_values_1_value: tensor<fp32, [1, 4, P + 1, 8]>");
    expect(decode && print(decode.program)).not.toContain("attention_mask");
  });
});

/** The verified program of a case without a past. */
function printed(name: string, changes?: Changes): string {
  const model = built("gpt2", name, changes).get("model");
  if (!model) return expect.unreachable("the case has a past");
  verify(model.program, ops);
  return print(model.program);
}
