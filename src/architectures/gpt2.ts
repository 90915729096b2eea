// https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/gpt2/modeling_gpt2.py
import type { Dim } from "../mil/dim.ts";
import type { Tensor } from "../mil/tensor.ts";
import { activations } from "../nn/activations.ts";
import { attentionWeights, causalBias, mergeHeads, splitHeads, withPast } from "../nn/attention.ts";
import { conv1d, embedding, layerNorm, linear, positions, range, stacked, tokenAt } from "../nn/layers.ts";
import type { Weights } from "../nn/weights.ts";
import { type Build, defineArchitecture } from "./architecture.ts";
import { type Config, c, divisible } from "./config.ts";

const config = {
  vocab_size: c.vocabulary,
  n_positions: c.size.also("max_position_embeddings"),
  n_embd: c.size.also("hidden_size"),
  n_layer: c.layers.also("num_hidden_layers"),
  n_head: c.size.also("num_attention_heads"),
  n_inner: c.size.maybe,
  activation_function: c.activation.or("gelu_new"),
  layer_norm_epsilon: c.real.or(1e-5),
  scale_attn_weights: c.flag.or(true),
  scale_attn_by_inverse_layer_idx: c.flag.or(false),
  reorder_and_upcast_attn: c.flag.or(false),
  add_cross_attention: c.oneOf(false).or(false),
  tie_word_embeddings: c.flag.or(true),
  pad_token_id: c.integer.maybe,
};
type B = Build<Config<typeof config>>;

export const gpt2 = defineArchitecture({
  modelType: "gpt2",
  reference: "https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/gpt2/modeling_gpt2.py",
  config,
  check: (cfg) => divisible(cfg, "n_embd", "n_head"),
  naming: {
    base: "transformer",
    ignore: [
      // Causal masks that old versions saved; not to be mistaken for the biases of `attn.c_attn` and `attn.c_proj`.
      /^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$/,
      // A tied head that is stored as well, and heads of another task.
      /^lm_head\.weight$/,
      /^multiple_choice_head\.summary\.(weight|bias)$/,
      /^score\.weight$/,
      /^(classifier|qa_outputs)\.(weight|bias)$/,
    ],
  },
  traits: (cfg) => ({
    kind: "text",
    maxLength: cfg.n_positions,
    vocabulary: cfg.vocab_size,
    segments: undefined,
    cache: { layers: cfg.n_layer, heads: cfg.n_head, headSize: cfg.n_embd / cfg.n_head },
  }),
  heads: {
    "feature-extraction": (b) => ({ last_hidden_state: decoder(b) }),
    "text-generation": (b) => ({ logits: vocabulary(b, decoder(b)) }),
    "text-classification": (b) => ({
      logits: linear(lastToken(b, decoder(b)), b.root.at("score"), b.labels, { bias: false }),
    }),
    "token-classification": (b) => ({ logits: linear(decoder(b), b.root.at("classifier"), b.labels) }),
    "question-answering": (b) => ({ logits: linear(decoder(b), b.root.at("qa_outputs"), 2) }),
  },
});

/** [b, s, n_embd] behind the last layer and its norm. */
function decoder(b: B): Tensor {
  const { config: cfg, base } = b;
  const ids = b.inputs.input_ids as Tensor;
  const length: Dim = ids.dim(1);
  const places = base.at("wpe");
  const placed = positions(ids, places.get("weight", [cfg.n_positions, cfg.n_embd]), places, b.pastLength, length);
  let x = embedding(ids, base.at("wte"), cfg.vocab_size, cfg.n_embd).add(placed);
  const bias = causalBias(ids, b.inputs.attention_mask, b.pastLength, length);
  x = stacked(x, base.at("h"), cfg.n_layer, (h, w, i) => block(b, w, h, bias, i));
  return layerNorm(x, base.at("ln_f"), cfg.layer_norm_epsilon);
}

function block(b: B, w: Weights, x: Tensor, bias: Tensor, index: number): Tensor {
  const { layer_norm_epsilon: epsilon } = b.config;
  const attended = x.add(attention(b, w.at("attn"), layerNorm(x, w.at("ln_1"), epsilon), bias, index));
  return attended.add(feedForward(b, w.at("mlp"), layerNorm(attended, w.at("ln_2"), epsilon)));
}

function feedForward(b: B, w: Weights, x: Tensor): Tensor {
  const { config: cfg, graph } = b;
  const wide = conv1d(x, w.at("c_fc"), cfg.n_inner ?? 4 * cfg.n_embd);
  const active = graph.scoped(w.path, () => activations[cfg.activation_function](wide, w.at("act")));
  return conv1d(active, w.at("c_proj"), cfg.n_embd);
}

function attention(b: B, w: Weights, x: Tensor, bias: Tensor, index: number): Tensor {
  const { config: cfg, graph } = b;
  const projected = conv1d(x, w.at("c_attn"), 3 * cfg.n_embd);
  const seen = graph.scoped(w.path, () => {
    const [q, newKeys, newValues] = projected
      .split({ num_splits: 3, axis: -1 })
      .map((t) => splitHeads(t, cfg.n_head)) as [Tensor, Tensor, Tensor];
    const { key, value } = withPast(b.past?.[index], newKeys, newValues);
    b.present?.({ key, value });
    const weights = (): Tensor => attentionWeights(q, key, scaleOf(cfg, index), bias);
    return mergeHeads((cfg.reorder_and_upcast_attn ? graph.inFloat32(weights) : weights()).matmul(value));
  });
  return conv1d(seen, w.at("c_proj"), cfg.n_embd);
}

function scaleOf(cfg: B["config"], index: number): number {
  const scale = cfg.scale_attn_weights ? 1 / Math.sqrt(cfg.n_embd / cfg.n_head) : 1;
  return cfg.scale_attn_by_inverse_layer_idx ? scale / (index + 1) : scale;
}

/** Scores over the vocabulary. A tied head reads the word embeddings, whatever the file stores under its name. */
function vocabulary(b: B, hidden: Tensor): Tensor {
  const { config: cfg, graph, root } = b;
  const table = cfg.tie_word_embeddings ? b.base.at("wte") : root.at("lm_head");
  const weight = graph.weight(table.get("weight", [cfg.vocab_size, cfg.n_embd]), table.at("weight").path);
  return graph.scoped(root.at("lm_head").path, () => hidden.linear(weight));
}

/**
 * What classifies a text, [1, n_embd]: the state of the rightmost id that is not padding, whatever the mask says, and of
 * the first where all are. Without a padding id it is the last one.
 */
function lastToken(b: B, hidden: Tensor): Tensor {
  const { pad_token_id: pad } = b.config;
  if (pad === undefined) return tokenAt(hidden, -1);
  const ids = b.inputs.input_ids as Tensor;
  return b.graph.scoped(b.root.at("score").path, () => {
    const isText = ids.not_equal(pad).cast({ dtype: "int32" });
    const last = isText.mul(range(ids, 0, ids.dim(1))).reduce_max({ axes: [1] });
    return hidden.gather(last, { axis: 1 }).squeeze({ axes: [1] });
  });
}
