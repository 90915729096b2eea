// https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/distilbert/modeling_distilbert.py
import type { Tensor } from "../mil/tensor.ts";
import { activations } from "../nn/activations.ts";
import { attend, mergeHeads, paddingBias, splitHeads } from "../nn/attention.ts";
import { embedding, layerNorm, linear, positions, stacked, tokenAt } from "../nn/layers.ts";
import { sinusoidalTable } from "../nn/sinusoidal.ts";
import type { Weights } from "../nn/weights.ts";
import { type Build, defineArchitecture } from "./architecture.ts";
import { type Config, c, divisible } from "./config.ts";

const config = {
  vocab_size: c.vocabulary,
  dim: c.size.also("hidden_size"),
  n_layers: c.layers.also("num_hidden_layers"),
  n_heads: c.size.also("num_attention_heads"),
  hidden_dim: c.size,
  max_position_embeddings: c.size,
  activation: c.activation.or("gelu"),
  sinusoidal_pos_embds: c.flag.or(false),
  tie_word_embeddings: c.flag.or(true),
};
type B = Build<Config<typeof config>>;

/** Written in the modeling file; no key of the config changes it. */
const EPSILON = 1e-12;

export const distilbert = defineArchitecture({
  modelType: "distilbert",
  reference:
    "https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/distilbert/modeling_distilbert.py",
  config,
  check: (cfg) => divisible(cfg, "dim", "n_heads"),
  naming: {
    base: "distilbert",
    rename: [
      [/(^|\.)LayerNorm\.gamma$/, "$1LayerNorm.weight"],
      [/(^|\.)LayerNorm\.beta$/, "$1LayerNorm.bias"],
    ],
    ignore: [
      /^(distilbert\.)?embeddings\.position_ids$/,
      // A tied projector that is stored as well, and heads of another task.
      /^vocab_(transform|layer_norm|projector)\.(weight|bias)$/,
      /^activation\.weight$/,
      /^(pre_classifier|classifier|qa_outputs)\.(weight|bias)$/,
    ],
  },
  traits: (cfg) => ({
    kind: "text",
    maxLength: cfg.max_position_embeddings,
    vocabulary: cfg.vocab_size,
    segments: undefined,
  }),
  heads: {
    "feature-extraction": (b) => ({ last_hidden_state: encoder(b) }),
    "fill-mask": (b) => ({ logits: vocabulary(b, encoder(b)) }),
    "text-classification": (b) => ({ logits: linear(firstToken(b, encoder(b)), b.root.at("classifier"), b.labels) }),
    "multiple-choice": (b) => ({ logits: linear(firstToken(b, encoder(b)), b.root.at("classifier"), 1) }),
    "token-classification": (b) => ({ logits: linear(encoder(b), b.root.at("classifier"), b.labels) }),
    "question-answering": (b) => ({ logits: linear(encoder(b), b.root.at("qa_outputs"), 2) }),
  },
});

/** [b, s, dim] behind the last layer. */
function encoder(b: B): Tensor {
  const mask = b.inputs.attention_mask;
  const bias = mask && paddingBias(mask);
  const w = b.base.at("embeddings");
  const embedded = b.graph.scoped(w.path, () => embeddings(b, w));
  return stacked(embedded, b.base.at("transformer.layer"), b.config.n_layers, (h, at) => layer(b, at, h, bias));
}

function embeddings(b: B, w: Weights): Tensor {
  const { config: cfg } = b;
  const ids = b.inputs.input_ids as Tensor;
  const places = w.at("position_embeddings");
  // A stored table counts, sinusoidal or not.
  const isComputed = cfg.sinusoidal_pos_embds && places.shapeOf("weight") === undefined;
  const [rows, width] = [cfg.max_position_embeddings, cfg.dim];
  const table = isComputed ? sinusoidalTable(rows, width) : places.get("weight", [rows, width]);
  const x = embedding(ids, w.at("word_embeddings"), cfg.vocab_size, width).add(
    positions(ids, table, places, 0, ids.dim(1)),
  );
  return layerNorm(x, w.at("LayerNorm"), EPSILON);
}

function layer(b: B, w: Weights, x: Tensor, bias: Tensor | undefined): Tensor {
  const { config: cfg, graph } = b;
  const attended = layerNorm(attention(b, w.at("attention"), x, bias).add(x), w.at("sa_layer_norm"), EPSILON);
  const ffn = w.at("ffn");
  const wide = linear(attended, ffn.at("lin1"), cfg.hidden_dim);
  const active = graph.scoped(ffn.path, () => activations[cfg.activation](wide, ffn.at("activation")));
  return layerNorm(linear(active, ffn.at("lin2"), cfg.dim).add(attended), w.at("output_layer_norm"), EPSILON);
}

function attention(b: B, w: Weights, x: Tensor, bias: Tensor | undefined): Tensor {
  const { dim, n_heads: heads } = b.config;
  const projected = (name: string): Tensor => linear(x, w.at(name), dim);
  const seen = b.graph.scoped(w.path, () => {
    const [q, k, v] = ["q_lin", "k_lin", "v_lin"].map((name) => splitHeads(projected(name), heads)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return mergeHeads(attend(q, k, v, 1 / Math.sqrt(dim / heads), bias));
  });
  return linear(seen, w.at("out_lin"), dim);
}

/** ReLU of a dense layer over the first token, [b, dim]. Belongs to the classifying heads, not to the trunk. */
function firstToken(b: B, hidden: Tensor): Tensor {
  const w = b.root.at("pre_classifier");
  return b.graph.scoped(w.path, () => linear(tokenAt(hidden, 0), w, b.config.dim).relu());
}

/** Scores over the vocabulary. A tied head reads the word embeddings, whatever the file stores under its name. */
function vocabulary(b: B, hidden: Tensor): Tensor {
  const { config: cfg, graph, root } = b;
  const dense = linear(hidden, root.at("vocab_transform"), cfg.dim);
  const active = graph.scoped(root.at("vocab_transform").path, () =>
    activations[cfg.activation](dense, root.at("activation")),
  );
  const x = layerNorm(active, root.at("vocab_layer_norm"), EPSILON);
  const projector = root.at("vocab_projector");
  const table = cfg.tie_word_embeddings ? b.base.at("embeddings.word_embeddings") : projector;
  const weight = graph.weight(table.get("weight", [cfg.vocab_size, cfg.dim]), table.at("weight").path);
  const bias = graph.weight(projector.get("bias", [cfg.vocab_size]), projector.at("bias").path);
  return graph.scoped(projector.path, () => x.linear(weight, { bias }));
}
