// https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/roberta/modeling_roberta.py
import type { Diagnostic } from "../diagnostics.ts";
import type { Tensor } from "../mil/tensor.ts";
import { embedding, layerNorm, linear, tokenAt } from "../nn/layers.ts";
import type { Weights } from "../nn/weights.ts";
import { type Build, defineArchitecture } from "./architecture.ts";
import { bert, encoder, pooled, traits } from "./bert.ts";
import { type Config, c, divisible } from "./config.ts";

const config = { ...bert.config, pad_token_id: c.count.or(1) };
type Settings = Config<typeof config>;
type B = Build<Settings>;

/** BERT's encoder with positions that skip padding, and heads of its own. */
export const roberta = defineArchitecture({
  modelType: "roberta",
  reference:
    "https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/roberta/modeling_roberta.py",
  config,
  check: (cfg) => [...divisible(cfg, "hidden_size", "num_attention_heads"), ...paddingFits(cfg)],
  naming: {
    ...bert.naming,
    base: "roberta",
    // Heads of another task and the pooler are left over when a checkpoint is read for one that has none.
    ignore: [
      /(^|\.)embeddings\.position_ids$/,
      /^lm_head\.((dense|layer_norm|decoder)\.(weight|bias)|bias)$/,
      /^classifier\.((dense|out_proj)\.)?(weight|bias)$/,
      /^qa_outputs\.(weight|bias)$/,
      /(^|\.)pooler\.dense\.(weight|bias)$/,
      /(^|\.)position_embeddings\.weight$/,
    ],
  },
  traits: (cfg) => ({ ...traits(cfg), maxLength: maxLength(cfg) }),
  heads: {
    "feature-extraction": (b) => {
      const hidden = trunk(b);
      return { last_hidden_state: hidden, ...(b.base.holds("pooler") ? { pooler_output: pooled(b, hidden) } : {}) };
    },
    "fill-mask": (b) => ({ logits: vocabulary(b, trunk(b)) }),
    "text-generation": (b) => ({ logits: vocabulary(b, trunk(b)) }),
    "text-classification": (b) => ({ logits: classified(b, trunk(b)) }),
    "multiple-choice": (b) => ({ logits: linear(pooled(b, trunk(b)), b.root.at("classifier"), 1) }),
    "token-classification": (b) => ({ logits: linear(trunk(b), b.root.at("classifier"), b.labels) }),
    "question-answering": (b) => ({ logits: linear(trunk(b), b.root.at("qa_outputs"), 2) }),
  },
});

/** Absolute positions begin behind the padding id; relative ones have no table to run out of. */
function maxLength(cfg: Settings): number {
  const { max_position_embeddings: rows, pad_token_id: pad } = cfg;
  return cfg.position_embedding_type === "absolute" ? rows - pad - 1 : rows;
}

function paddingFits(cfg: Settings): readonly Diagnostic[] {
  const limits = [
    { below: cfg.vocab_size, name: "vocab_size" },
    { below: cfg.max_position_embeddings - 1, name: "max_position_embeddings - 1" },
  ];
  return limits.flatMap(({ below, name }): Diagnostic[] =>
    cfg.pad_token_id < below
      ? []
      : [
          {
            code: "config.unsupported",
            severity: "error",
            path: "config.json: pad_token_id",
            message: `is ${cfg.pad_token_id}, expected less than ${name}, which is ${below}`,
          },
        ],
  );
}

/** [b, s, hidden] behind the last layer. */
const trunk = (b: B): Tensor => encoder(b, (table) => placed(b, table));

/**
 * Transformers' `create_position_ids_from_input_ids`: a token stands at the padding id plus how many ids other than
 * padding lead up to it, those of the past counting without exception; padding stays at the padding id. The mask has
 * no say.
 */
function placed(b: B, w: Weights): Tensor {
  const { max_position_embeddings: rows, hidden_size: width, pad_token_id: pad } = b.config;
  const ids = b.inputs.input_ids as Tensor;
  const position = b.graph.scoped(w.path, () => {
    const isText = ids.not_equal(pad).cast({ dtype: "int32" });
    const inCall = isText.cumsum({ axis: 1 });
    const count = b.pastLength === 0 ? inCall : inCall.add(b.graph.dim(b.pastLength));
    return count.mul(isText).add(pad);
  });
  return embedding(position, w, rows, width);
}

/** Scores of the labels, [b, labels]: two dense layers over the first token, none of them the pooler's. */
function classified(b: B, hidden: Tensor): Tensor {
  const w = b.root.at("classifier");
  const active = b.graph.scoped(w.path, () => linear(tokenAt(hidden, 0), w.at("dense"), b.config.hidden_size).tanh());
  return linear(active, w.at("out_proj"), b.labels);
}

/**
 * Scores over the vocabulary; the activation is no key of the config. A tied head reads the word embeddings, whatever
 * the file stores under its name. The bias has two names, of which the decoder's counts.
 */
function vocabulary(b: B, hidden: Tensor): Tensor {
  const { config: cfg, graph, root, base } = b;
  const w = root.at("lm_head");
  const active = graph.scoped(w.path, () => linear(hidden, w.at("dense"), cfg.hidden_size).gelu({ mode: "EXACT" }));
  const x = layerNorm(active, w.at("layer_norm"), cfg.layer_norm_eps);
  const decoder = w.at("decoder");
  const table = cfg.tie_word_embeddings ? base.at("embeddings.word_embeddings") : decoder;
  const weight = graph.weight(table.get("weight", [cfg.vocab_size, cfg.hidden_size]), table.at("weight").path);
  const stored = decoder.holds("bias") ? decoder : w;
  const bias = graph.weight(stored.get("bias", [cfg.vocab_size]), stored.at("bias").path);
  return graph.scoped(decoder.path, () => x.linear(weight, { bias }));
}
