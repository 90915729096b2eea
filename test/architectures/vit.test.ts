import { describe, expect, test } from "vitest";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { built, type Changes, problemsOf } from "./problems.ts";

/** `code path: message` of everything that refuses a case of the fixtures with changes. */
const faults = (caseName: string, changes: Changes): readonly string[] =>
  problemsOf("vit", caseName, changes).map((d) => `${d.code} ${d.path}: ${d.message}`);

/** The position table that the graph of a changed `feature-extraction_base` adds. */
function positions(changes: Changes): LazyTensor | undefined {
  const func = built("vit", "feature-extraction_base", changes).get("model")?.program.functions.get("main");
  const table = func?.body.nodes.flatMap((n) => n.outputs).find((v) => v.name.endsWith("position_embeddings"));
  return table?.constant?.kind === "tensor" ? table.constant.data : undefined;
}

describe("config", () => {
  test.each([
    ["hidden_act", { hidden_act: "gelu_11" }, /"gelu_11", expected an activation/],
    ["pooler_act", { pooler_act: 3 }, /3, expected an activation/],
    ["num_channels", { num_channels: 4 }, /4, expected 1 or 3/],
    ["patch_size", { patch_size: [8, 8, 8] }, /\[8,8,8\], expected an integer or \[height, width\]/],
    ["image_size", { image_size: 0 }, /0, expected an integer or \[height, width\]/],
    ["image_size", { image_size: 7 }, /7x7, less than a patch of 8x8/],
    ["qkv_bias", { qkv_bias: "no" }, /"no", expected true or false/],
    ["pooler_output_size", { pooler_output_size: 2.5 }, /2.5, expected an integer from 1 to 16777216/],
    ["hidden_size", { num_attention_heads: 5 }, /32, expected a multiple of num_attention_heads, 5/],
  ])("refuses %s by name: %o", (key, config, message) => {
    const [fault, ...others] = faults("feature-extraction_base", { config });
    expect(fault).toContain(`config.unsupported config.json: ${key}: is `);
    expect(fault).toMatch(message);
    expect(others).toEqual([]);
  });

  test("takes Transformers' defaults for what is absent", () => {
    const absent = ["encoder_stride", "hidden_act", "layer_norm_eps", "num_channels", "pooler_act", "qkv_bias"];
    const config = Object.fromEntries(["pooler_output_size", ...absent].map((key) => [key, undefined]));
    expect(() => built("vit", "feature-extraction_base", { config })).not.toThrow();
  });

  test("refuses a size of the decoder other than the patch", () => {
    expect(faults("masked-im_base", { config: { encoder_stride: 4 } })).toEqual([
      expect.stringContaining("config.json: encoder_stride: is 4, expected patch_size, 8"),
    ]);
  });
});

describe("image size", () => {
  test("leaves rows and columns beyond the last patch out, as Transformers does", () => {
    expect(positions({ options: { imageSize: "27x35" } })?.shape).toEqual([1, 1 + 3 * 4, 32]);
  });

  test("keeps the positions of as many patches in a square image", () => {
    const table = positions({ options: { imageSize: 27 } });
    expect(table?.shape).toEqual([1, 1 + 3 * 3, 32]);
    expect(table?.key).not.toContain("bicubic");
  });

  test("interpolates the positions of as many patches in another shape", () => {
    const table = positions({
      config: { image_size: 32 },
      options: { imageSize: "16x64" },
      tensors: { "embeddings.position_embeddings": [1, 17, 32] },
    });
    expect(table?.key).toContain("bicubic(2,8)");
  });

  test("refuses an image smaller than a patch", () => {
    expect(faults("feature-extraction_base", { options: { imageSize: "24x7" } })).toEqual([
      "option.image_size --image-size: 24x7 is less than a patch of 8x8",
    ]);
  });

  test.each(["feature-extraction_not_square", "feature-extraction_patch_not_square"])(
    "refuses to interpolate what Transformers cannot: %s",
    (name) => {
      expect(faults(name, { options: { imageSize: 48 } })).toEqual([
        expect.stringMatching(/^option.image_size .* cannot be interpolated to 48x48$/),
      ]);
    },
  );

  test.each([
    [{ options: { imageSize: 32 } }, "32x32"],
    [{ config: { image_size: [16, 24] }, options: { imageSize: "16x24" } }, "16x24"],
    [{ config: { image_size: 27 }, options: { imageSize: 27 } }, "27x27"],
  ])("refuses masked-im of an image that Transformers cannot rebuild: %o", (changes: Changes, size) => {
    const [fault] = faults("masked-im_base", changes);
    expect(fault).toContain(`option.image_size --image-size: masked-im of ${size} pixels in patches of 8`);
  });
});

describe("weights", () => {
  const projection = "embeddings.patch_embeddings.projection.weight";

  test("lists everything that is missing, mis-shaped or left over", () => {
    const found = faults("feature-extraction_base", {
      tensors: {
        "encoder.layer.1.layernorm_after.bias": undefined,
        [projection]: [32, 3, 16, 16],
        "encoder.layer.2.layernorm_after.bias": [32],
      },
    });
    expect(found).toEqual([
      `weight.shape ${projection}: is [32,3,16,16], the config implies [32,3,8,8]`,
      "weight.missing encoder.layer.1.layernorm_after.bias: is not in the checkpoint, the config implies [32]",
      "weight.unused encoder.layer.2.layernorm_after.bias: is in the checkpoint, but the graph does not use it",
    ]);
  });

  test("refuses biases that qkv_bias denies", () => {
    const found = faults("feature-extraction_base", { config: { qkv_bias: false } });
    expect(found).toHaveLength(2 * 3);
    expect(found[0]).toContain("weight.unused encoder.layer.0.attention.attention.key.bias");
  });

  test("wants the mask token and the decoder for masked-im", () => {
    const tensors = { "vit.embeddings.mask_token": undefined, "decoder.0.bias": undefined };
    expect(faults("masked-im_base", { tensors })).toEqual([
      expect.stringContaining("weight.missing vit.embeddings.mask_token"),
      expect.stringContaining("weight.missing decoder.0.bias"),
    ]);
  });
});
