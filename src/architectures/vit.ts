// https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/vit/modeling_vit.py
import { fail } from "../diagnostics.ts";
import type { Tensor } from "../mil/tensor.ts";
import { activations } from "../nn/activations.ts";
import { attend, mergeHeads, splitHeads } from "../nn/attention.ts";
import { layerNorm, linear, stacked, tokenAt } from "../nn/layers.ts";
import { gridOf, patchEmbedding, resizedPositions, type Size, sizeOf } from "../nn/patches.ts";
import type { Weights } from "../nn/weights.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { type Build, defineArchitecture } from "./architecture.ts";
import { type Config, c } from "./config.ts";

const config = {
  hidden_size: c.size.or(768),
  num_hidden_layers: c.layers.or(12),
  num_attention_heads: c.size.or(12),
  intermediate_size: c.size.or(3072),
  hidden_act: c.activation.or("gelu"),
  layer_norm_eps: c.real.or(1e-12),
  image_size: c.pair.or(224),
  patch_size: c.pair.or(16),
  num_channels: c.oneOf(1, 3).or(3),
  qkv_bias: c.flag.or(true),
  encoder_stride: c.size.or(16),
  pooler_output_size: c.size.maybe,
  pooler_act: c.activation.or("tanh"),
};
type Settings = Config<typeof config>;
type B = Build<Settings>;

export const vit = defineArchitecture({
  modelType: "vit",
  reference: "https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/vit/modeling_vit.py",
  config,
  naming: {
    base: "vit",
    // Heads of another task and the pooler are left over when a checkpoint is read for one that has none.
    ignore: [/^classifier\./, /^decoder\.0\./, /(^|\.)embeddings\.mask_token$/, /(^|\.)pooler\./],
  },
  traits(cfg) {
    if (cfg.hidden_size % cfg.num_attention_heads !== 0) {
      refuse(
        "hidden_size",
        `is ${cfg.hidden_size}, expected a multiple of num_attention_heads, ${cfg.num_attention_heads}`,
      );
    }
    return {
      kind: "image",
      channels: cfg.num_channels,
      pooler: "pooler",
      size: sizeOf(cfg.image_size),
      patches: (height, width) => gridOf([height, width], sizeOf(cfg.patch_size)).reduce((a, b) => a * b),
    };
  },
  heads: {
    "feature-extraction": (b) => {
      const hidden = encoder(b);
      return { last_hidden_state: hidden, ...(b.base.holds("pooler") ? { pooler_output: pooled(b, hidden) } : {}) };
    },
    "image-classification": (b) => ({ logits: linear(tokenAt(encoder(b), 0), b.root.at("classifier"), b.labels) }),
    "masked-im": (b) => ({ logits: reconstruction(b) }),
  },
});

/** [1, 1 + patches, hidden] behind the last norm. */
function encoder(b: B): Tensor {
  const { config: cfg, base } = b;
  const embedded = b.graph.scoped(base.at("embeddings").path, () => embeddings(b, base.at("embeddings")));
  const x = stacked(embedded, base.at("encoder.layer"), cfg.num_hidden_layers, (h, w) => layer(b, w, h));
  return layerNorm(x, base.at("layernorm"), cfg.layer_norm_eps);
}

function embeddings(b: B, w: Weights): Tensor {
  const { config: cfg, graph } = b;
  const pixels = b.image as Tensor;
  const weight = (name: string): Tensor => graph.weight(w.get(name, [1, 1, cfg.hidden_size]), w.at(name).path);
  const positions = graph.weight(positionTable(cfg, w, imageSize(b)), w.at("position_embeddings").path);
  let patches = patchEmbedding(pixels, w.at("patch_embeddings.projection"), sizeOf(cfg.patch_size), cfg.hidden_size);
  return graph.scoped(w.path, () => {
    const given = b.inputs.bool_masked_pos;
    if (given) {
      const masked = given.cast({ dtype: "fp32" }).expand_dims({ axes: [-1] });
      patches = patches.mul(masked.mul(-1).add(1)).add(masked.mul(weight("mask_token")));
    }
    return graph.op.concat({ values: [weight("cls_token"), patches], axis: 1 }).add(positions);
  });
}

/** Positions of [CLS] and of every patch, interpolated where the image has another size than in training. */
function positionTable(cfg: Settings, w: Weights, image: Size): LazyTensor {
  const [trained, patch] = [sizeOf(cfg.image_size), sizeOf(cfg.patch_size)];
  const [from, to] = [gridOf(trained, patch), gridOf(image, patch)];
  const [before, after] = [from[0] * from[1], to[0] * to[1]];
  if (before === 0) refuse("image_size", `is ${trained.join("x")}, less than a patch of ${patch.join("x")}`);
  if (after === 0) {
    fail("usage", "option.image_size", `${image.join("x")} is less than a patch of ${patch.join("x")}`, {
      path: "--image-size",
    });
  }
  const table = w.get("position_embeddings", [1, 1 + before, cfg.hidden_size]);
  const isTrained = image[0] === trained[0] && image[1] === trained[1];
  // Transformers goes by the image, not by the grid: as many patches in another shape are interpolated.
  if (isTrained || (after === before && image[0] === image[1])) return table;
  if (typeof cfg.patch_size !== "number" || from[0] !== from[1]) {
    fail(
      "unsupported",
      "option.image_size",
      `positions of ${from.join("x")} patches of ${patch.join("x")} px cannot be interpolated to ${image.join("x")}`,
      {
        path: "--image-size",
        hint: `Transformers takes a square grid and one number as patch_size; leave the size at ${trained.join("x")}`,
      },
    );
  }
  return resizedPositions(table, from, to);
}

const imageSize = (b: B): Size => [(b.image as Tensor).fixed(2), (b.image as Tensor).fixed(3)];

/** Norms come first, unlike in BERT. */
function layer(b: B, w: Weights, x: Tensor): Tensor {
  const { config: cfg } = b;
  const mixed = attention(b, w.at("attention.attention"), layerNorm(x, w.at("layernorm_before"), cfg.layer_norm_eps));
  const attended = linear(mixed, w.at("attention.output.dense"), cfg.hidden_size).add(x);
  const normed = layerNorm(attended, w.at("layernorm_after"), cfg.layer_norm_eps);
  const wide = linear(normed, w.at("intermediate.dense"), cfg.intermediate_size);
  const active = b.graph.scoped(w.at("intermediate").path, () =>
    activations[cfg.hidden_act](wide, w.at("intermediate.intermediate_act_fn")),
  );
  return linear(active, w.at("output.dense"), cfg.hidden_size).add(attended);
}

function attention(b: B, w: Weights, x: Tensor): Tensor {
  const { config: cfg } = b;
  const heads = cfg.num_attention_heads;
  const projected = (name: string): Tensor =>
    splitHeads(linear(x, w.at(name), cfg.hidden_size, { bias: cfg.qkv_bias }), heads);
  return b.graph.scoped(w.path, () => {
    const scale = (cfg.hidden_size / heads) ** -0.5;
    return mergeHeads(attend(projected("query"), projected("key"), projected("value"), scale, undefined));
  });
}

/** A dense layer and its activation over [CLS], [1, pooler_output_size]. */
function pooled(b: B, hidden: Tensor): Tensor {
  const { config: cfg } = b;
  const w = b.base.at("pooler");
  return b.graph.scoped(w.path, () => {
    const dense = linear(tokenAt(hidden, 0), w.at("dense"), cfg.pooler_output_size ?? cfg.hidden_size);
    return activations[cfg.pooler_act](dense, w.at("activation"));
  });
}

/** The image as it would be without the mask, [1, channels, height, width], normalised as the pixels are. */
function reconstruction(b: B): Tensor {
  const { config: cfg } = b;
  const stride = cfg.encoder_stride;
  if (cfg.patch_size !== stride) {
    refuse(
      "encoder_stride",
      `is ${stride}, expected patch_size, ${JSON.stringify(cfg.patch_size)}: patches are rebuilt one by one`,
    );
  }
  const image = imageSize(b);
  const [trained, side] = [sizeOf(cfg.image_size), image[0] / stride];
  if (image[0] !== trained[0] || image[1] !== trained[1] || image[0] !== image[1] || !Number.isInteger(side)) {
    fail(
      "unsupported",
      "option.image_size",
      `masked-im of ${image.join("x")} pixels in patches of ${stride}, trained at ${trained.join("x")}`,
      {
        path: "--image-size",
        hint: "Transformers rebuilds images that are square, a multiple of the patch, and of the size in training",
      },
    );
  }
  const hidden = encoder(b);
  const w = b.root.at("decoder.0");
  const channels = stride ** 2 * cfg.num_channels;
  const weight = b.graph.weight(w.get("weight", [channels, cfg.hidden_size, 1, 1]), w.at("weight").path);
  const bias = b.graph.weight(w.get("bias", [channels]), w.at("bias").path);
  return b.graph.scoped("decoder", () => {
    const [begin, end] = [
      [0, 1, 0],
      [1, 1 + side * side, cfg.hidden_size],
    ];
    const patches = hidden.slice_by_index({ begin, end });
    const grid = patches.transpose({ perm: [0, 2, 1] }).reshape({ shape: [1, cfg.hidden_size, side, side] });
    return grid.conv(weight, { bias }).pixel_shuffle({ upscale_factor: stride });
  });
}

function refuse(key: string, message: string): never {
  return fail("unsupported", "config.unsupported", message, { path: `config.json: ${key}` });
}
