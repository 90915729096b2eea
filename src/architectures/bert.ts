// https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/bert/modeling_bert.py
import { addDims } from "../mil/dim.ts";
import type { Tensor } from "../mil/tensor.ts";
import { activations } from "../nn/activations.ts";
import { attend, causalBias, mergeHeads, paddingBias, splitHeads, withPast } from "../nn/attention.ts";
import { embedding, layerNorm, linear, positions, stacked, tokenAt } from "../nn/layers.ts";
import { keyDistances, queryDistances } from "../nn/relative-positions.ts";
import type { Weights } from "../nn/weights.ts";
import { type Build, defineArchitecture, type TextTraits } from "./architecture.ts";
import { type Config, c, divisible } from "./config.ts";

const config = {
  vocab_size: c.vocabulary,
  hidden_size: c.size,
  num_hidden_layers: c.layers,
  num_attention_heads: c.size,
  intermediate_size: c.size,
  max_position_embeddings: c.size,
  type_vocab_size: c.count.or(2),
  layer_norm_eps: c.real.or(1e-12),
  hidden_act: c.activation.or("gelu"),
  position_embedding_type: c.oneOf("absolute", "relative_key", "relative_key_query").or("absolute"),
  is_decoder: c.flag.or(false),
  add_cross_attention: c.oneOf(false).or(false),
  tie_word_embeddings: c.flag.or(true),
};
type B = Build<Config<typeof config>>;

export const bert = defineArchitecture({
  modelType: "bert",
  reference: "https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/bert/modeling_bert.py",
  config,
  check: (cfg) => divisible(cfg, "hidden_size", "num_attention_heads"),
  naming: {
    base: "bert",
    rename: [
      [/LayerNorm\.gamma$/, "LayerNorm.weight"],
      [/LayerNorm\.beta$/, "LayerNorm.bias"],
    ],
    // Heads of another task and the pooler are left over when a checkpoint is read for one that has none.
    ignore: [
      /(^|\.)embeddings\.position_ids$/,
      /^cls\./,
      /^classifier\./,
      /^qa_outputs\./,
      /(^|\.)pooler\./,
      /(^|\.)position_embeddings\./,
    ],
  },
  traits,
  heads: {
    "feature-extraction": (b) => {
      const hidden = encoder(b);
      return { last_hidden_state: hidden, ...(b.base.holds("pooler") ? { pooler_output: pooled(b, hidden) } : {}) };
    },
    "fill-mask": (b) => ({ logits: vocabulary(b, encoder(b)) }),
    "text-generation": (b) => ({ logits: vocabulary(b, encoder(b)) }),
    "text-classification": (b) => ({ logits: linear(pooled(b, encoder(b)), b.root.at("classifier"), b.labels) }),
    "multiple-choice": (b) => ({ logits: linear(pooled(b, encoder(b)), b.root.at("classifier"), 1) }),
    "next-sentence-prediction": (b) => ({
      logits: linear(pooled(b, encoder(b)), b.root.at("cls.seq_relationship"), 2),
    }),
    "token-classification": (b) => ({ logits: linear(encoder(b), b.root.at("classifier"), b.labels) }),
    "question-answering": (b) => ({ logits: linear(encoder(b), b.root.at("qa_outputs"), 2) }),
  },
});

export function traits(cfg: B["config"]): TextTraits {
  const { num_hidden_layers: layers, num_attention_heads: heads } = cfg;
  return {
    kind: "text",
    maxLength: cfg.max_position_embeddings,
    vocabulary: cfg.vocab_size,
    segments: cfg.type_vocab_size,
    pooler: "pooler",
    ...(cfg.is_decoder ? { cache: { layers, heads, headSize: cfg.hidden_size / heads } } : {}),
  };
}

/**
 * [b, s, hidden] behind the last layer.
 * @param placed the position embeddings [b or 1, s, hidden] out of their table, where positions are absolute
 */
export function encoder(b: B, placed: (table: Weights) => Tensor = (table) => inOrder(b, table)): Tensor {
  const { config: cfg, base } = b;
  const embedded = b.graph.scoped(base.at("embeddings").path, () => embeddings(b, base.at("embeddings"), placed));
  const [ids, mask] = [b.inputs.input_ids as Tensor, b.inputs.attention_mask];
  const bias = cfg.is_decoder ? causalBias(ids, mask, b.pastLength, ids.dim(1)) : mask && paddingBias(mask);
  const layers = base.at("encoder.layer");
  return stacked(embedded, layers, cfg.num_hidden_layers, (x, w, i) => layer(b, w, x, bias, i));
}

function embeddings(b: B, w: Weights, placed: (table: Weights) => Tensor): Tensor {
  const { config: cfg } = b;
  const ids = b.inputs.input_ids as Tensor;
  let x = embedding(ids, w.at("word_embeddings"), cfg.vocab_size, cfg.hidden_size);
  const segments = w.at("token_type_embeddings");
  if (cfg.type_vocab_size > 0) {
    const given = b.inputs.token_type_ids;
    // Without the input every token is of segment 0.
    x = x.add(
      given
        ? embedding(given, segments, cfg.type_vocab_size, cfg.hidden_size)
        : positions(ids, segments.get("weight", [cfg.type_vocab_size, cfg.hidden_size]), segments, 0, 1),
    );
  } else segments.skip("weight");
  if (cfg.position_embedding_type === "absolute") x = x.add(placed(w.at("position_embeddings")));
  return layerNorm(x, w.at("LayerNorm"), cfg.layer_norm_eps);
}

/** Token i of a call stands at position past + i, padding or not. */
function inOrder(b: B, w: Weights): Tensor {
  const { max_position_embeddings: rows, hidden_size: width } = b.config;
  const ids = b.inputs.input_ids as Tensor;
  return positions(ids, w.get("weight", [rows, width]), w, b.pastLength, ids.dim(1));
}

function layer(b: B, w: Weights, x: Tensor, bias: Tensor | undefined, index: number): Tensor {
  const { config: cfg } = b;
  const mixed = linear(
    attention(b, w.at("attention.self"), x, bias, index),
    w.at("attention.output.dense"),
    cfg.hidden_size,
  );
  const attended = layerNorm(mixed.add(x), w.at("attention.output.LayerNorm"), cfg.layer_norm_eps);
  const wide = linear(attended, w.at("intermediate.dense"), cfg.intermediate_size);
  const active = b.graph.scoped(w.at("intermediate").path, () =>
    activations[cfg.hidden_act](wide, w.at("intermediate.intermediate_act_fn")),
  );
  const narrow = linear(active, w.at("output.dense"), cfg.hidden_size);
  return layerNorm(narrow.add(attended), w.at("output.LayerNorm"), cfg.layer_norm_eps);
}

function attention(b: B, w: Weights, x: Tensor, bias: Tensor | undefined, index: number): Tensor {
  const { config: cfg } = b;
  const heads = cfg.num_attention_heads;
  const size = cfg.hidden_size / heads;
  const projected = (name: string): Tensor => linear(x, w.at(name), cfg.hidden_size);
  return b.graph.scoped(w.path, () => {
    const q = splitHeads(projected("query"), heads);
    const [newKeys, newValues] = [splitHeads(projected("key"), heads), splitHeads(projected("value"), heads)];
    const { key, value } = withPast(b.past?.[index], newKeys, newValues);
    b.present?.({ key, value });
    if (cfg.position_embedding_type === "absolute") return mergeHeads(attend(q, key, value, size ** -0.5, bias));
    // https://arxiv.org/abs/1803.02155: the distance between query and key picks a vector that both may be compared with.
    const at = w.at("distance_embedding");
    const table = {
      table: at.get("weight", [2 * cfg.max_position_embeddings - 1, size]),
      path: at.at("weight").path,
      zero: cfg.max_position_embeddings - 1,
    };
    const span = { first: b.pastLength, queries: q.dim(2), keys: addDims(b.pastLength, q.dim(2)) };
    let scores = q.matmul(key, { transpose_y: true }).add(queryDistances(q, table, span));
    if (cfg.position_embedding_type === "relative_key_query") scores = scores.add(keyDistances(key, table, span));
    scores = scores.mul(size ** -0.5);
    return mergeHeads((bias ? scores.add(bias) : scores).softmax({ axis: -1 }).matmul(value));
  });
}

/** tanh of a dense layer over the first token, [b, hidden]. */
export function pooled(b: B, hidden: Tensor): Tensor {
  const w = b.base.at("pooler.dense");
  return b.graph.scoped(b.base.at("pooler").path, () => linear(tokenAt(hidden, 0), w, b.config.hidden_size).tanh());
}

/** Scores over the vocabulary. A tied head reads the word embeddings, whatever the file stores under its name. */
function vocabulary(b: B, hidden: Tensor): Tensor {
  const { config: cfg, root, base } = b;
  const w = root.at("cls.predictions");
  const dense = linear(hidden, w.at("transform.dense"), cfg.hidden_size);
  const active = b.graph.scoped(w.at("transform").path, () =>
    activations[cfg.hidden_act](dense, w.at("transform.transform_act_fn")),
  );
  const x = layerNorm(active, w.at("transform.LayerNorm"), cfg.layer_norm_eps);
  const table = cfg.tie_word_embeddings ? base.at("embeddings.word_embeddings") : w.at("decoder");
  const weight = b.graph.weight(table.get("weight", [cfg.vocab_size, cfg.hidden_size]), table.at("weight").path);
  const bias = b.graph.weight(w.get("bias", [cfg.vocab_size]), w.at("bias").path);
  return b.graph.scoped(w.at("decoder").path, () => x.linear(weight, { bias }));
}
