import { describe, expect, test } from "vitest";
import type { Plan, PlannedImage } from "../../src/plan.ts";
import { type HostTensors, hostTensor } from "../../src/run/host-tensor.ts";
import type { OnnxFeature } from "../../src/run/onnx-file/onnx-file.ts";
import { onnxInputs } from "../../src/validate/onnx/inputs.ts";
import { onnxPositions } from "../../src/validate/onnx/positions.ts";
import { planOf } from "./planned.ts";

const int64 = (name: string, ...shape: readonly (number | null)[]): OnnxFeature => ({ name, type: "int64", shape });
const float = (name: string, ...shape: readonly (number | null)[]): OnnxFeature => ({ name, type: "float32", shape });

/** What a file of these inputs is fed for a call. */
function fed(plan: Plan, features: readonly OnnxFeature[], call: HostTensors, context = {}) {
  const inputs = onnxInputs(plan, { inputs: features, outputs: [], narrowTypes: [] }, context);
  return "misfit" in inputs ? inputs : inputs.of(call);
}
const ints = (shape: readonly number[], values: readonly number[]) => hostTensor("int32", shape, values);

const text = planOf("bert", "text-classification_two_labels", { tokenTypeIds: "on" });
const ids = ints([1, 3], [5, 6, 7]);
const call = { input_ids: ids, attention_mask: ints([1, 3], [1, 1, 0]), token_type_ids: ints([1, 3], [0, 1, 1]) };
const plain = { input_ids: ids, attention_mask: ints([1, 3], [1, 1, 1]), token_type_ids: ints([1, 3], [0, 0, 0]) };
const b = null;

describe("text", () => {
  test("inputs go by their role, whatever their order", () => {
    const features = [int64("token_type_ids", b, b), int64("input_mask", b, b), int64("input_ids", b, b)];
    expect(fed(text, features, call)).toEqual({
      feeds: { token_type_ids: call.token_type_ids, input_mask: call.attention_mask, input_ids: ids },
    });
  });

  test("and by the plan's own names", () => {
    const renamed = planOf("bert", "text-classification_two_labels", { inputs: { input_ids: { name: "tokens" } } });
    const feeds = fed(renamed, [int64("input_ids", b, b)], { tokens: ids, attention_mask: plain.attention_mask });
    expect(feeds).toEqual({ feeds: { input_ids: ids } });
  });

  test("what a call does not bring is what Transformers takes then", () => {
    const bare = planOf("bert", "text-classification_two_labels", { attentionMask: false });
    const features = ["input_ids", "attention_mask", "token_type_ids", "position_ids"].map((n) => int64(n, b, b));
    expect(fed(bare, features, { input_ids: ids })).toEqual({
      feeds: {
        input_ids: ids,
        attention_mask: ints([1, 3], [1, 1, 1]),
        token_type_ids: ints([1, 3], [0, 0, 0]),
        position_ids: ints([1, 3], [0, 1, 2]),
      },
    });
  });

  test("a file without a mask, or segments, takes the calls that need none", () => {
    const features = [int64("input_ids", b, b), int64("token_type_ids", b, b)];
    expect(fed(text, features, plain)).toMatchObject({ feeds: { input_ids: ids } });
    expect(fed(text, features, call)).toEqual({ misfit: "it takes no attention_mask" });
    expect(fed(text, [int64("input_ids", b, b), int64("attention_mask", b, b)], call)).toEqual({
      misfit: "it takes no token_type_ids",
    });
  });

  test.each([
    ["another length", int64("input_ids", b, 8), "it takes input_ids [?, 8] int64"],
    ["another batch", int64("input_ids", 2, b), "it takes input_ids [2, ?] int64"],
    ["another rank", int64("input_ids", b, b, b), "it takes input_ids [?, ?, ?] int64"],
  ])("%s is said, not fed", (_, feature, misfit) => {
    expect(fed(text, [feature], plain)).toEqual({ misfit });
  });

  test("an input of no meaning here refuses the file", () => {
    const features = [int64("input_ids", b, b), float("inputs_embeds", b, b, 32)];
    expect(fed(text, features, plain)).toEqual({
      misfit: "it takes inputs_embeds [?, ?, 32] float32, which nothing in a call stands for",
    });
    expect(fed(text, [float("pixel_values", b, 3, 8, 8)], plain)).toHaveProperty("misfit");
  });

  test("one input without a known name is the one that is missing", () => {
    const feeds = fed(text, [int64("input.1", b, b), int64("attention_mask", b, b)], plain);
    expect(feeds).toEqual({ feeds: { "input.1": ids, attention_mask: plain.attention_mask } });
    expect(fed(text, [float("input.1", b, b, 32)], plain)).toHaveProperty("misfit");
  });

  test("choices stay in their dimension", () => {
    const plan = planOf("bert", "multiple-choice_default");
    const choices = ints([1, 2, 3], [1, 2, 3, 4, 5, 6]);
    const features = [int64("input_ids", b, b, b), int64("position_ids", b, b, b)];
    const ones = ints([1, 2, 3], Array(6).fill(1));
    const segments = ints([1, 2, 3], Array(6).fill(0));
    expect(fed(plan, features, { input_ids: choices, attention_mask: ones, token_type_ids: segments })).toEqual({
      feeds: { input_ids: choices, position_ids: ints([1, 2, 3], [0, 1, 2, 0, 1, 2]) },
    });
  });
});

describe("decoders", () => {
  const past = [0, 1].flatMap((i) => ["key", "value"].map((part) => float(`past_key_values.${i}.${part}`, b, 4, b, 8)));
  const base = [int64("input_ids", b, b), int64("attention_mask", b, b)];
  const branch: OnnxFeature = { name: "use_cache_branch", type: "bool", shape: [1] };
  const whole = planOf("gpt2", "text-generation_base");
  const decode = planOf("gpt2", "text-generation_base_past");
  const mask = ints([1, 3], [1, 1, 1]);
  const empty = { dtype: "fp32", shape: [1, 4, 0, 8], data: new Float32Array(0) };

  test("a call without a past has one of no tokens", () => {
    const feeds = fed(whole, [...base, ...past, branch], { input_ids: ids, attention_mask: mask });
    expect(feeds).toMatchObject({
      feeds: { "past_key_values.1.value": empty, use_cache_branch: ints([1], [0]), attention_mask: mask },
    });
  });

  test("whose sizes are the model's where the file leaves them open", () => {
    const open = [...base, float("past_key_values.0.key", b, b, b, b)];
    const bare = { input_ids: ids, attention_mask: mask };
    expect(fed(whole, open, bare, { cache: { heads: 4, headSize: 8 } })).toMatchObject({
      feeds: { "past_key_values.0.key": empty },
    });
    expect(fed(whole, open, bare)).toHaveProperty("misfit");
  });

  const keys = hostTensor(
    "fp32",
    [1, 4, 2, 8],
    Array.from({ length: 64 }, (_, i) => i),
  );
  const pasts = Object.fromEntries(
    [0, 1].flatMap((i) => ["key", "value"].map((part) => [`past_key_values_${i}_${part}`, keys])),
  );
  const withPast = { input_ids: ids, attention_mask: ints([1, 5], [0, 1, 1, 1, 1]), ...pasts };

  test("positions count on from the past, whatever the mask says", () => {
    const features = [...base, ...past, branch, int64("position_ids", b, b), int64("cache_position", b)];
    expect(fed(decode, features, withPast)).toMatchObject({
      feeds: {
        "past_key_values.0.key": keys,
        use_cache_branch: ints([1], [1]),
        position_ids: ints([1, 3], [2, 3, 4]),
        cache_position: ints([3], [2, 3, 4]),
      },
    });
  });

  test("a mask that is made covers the past", () => {
    const bare = planOf("gpt2", "text-generation_base_past", { attentionMask: false });
    const { attention_mask: _, ...rest } = withPast;
    expect(fed(bare, [...base, ...past], rest)).toMatchObject({
      feeds: { attention_mask: ints([1, 5], [1, 1, 1, 1, 1]) },
    });
  });

  test("a file without a past cannot stand for one", () => {
    expect(fed(decode, base, withPast)).toEqual({
      misfit:
        "it takes no past_key_values_0_key, past_key_values_0_value, past_key_values_1_key, past_key_values_1_value",
    });
  });
});

describe("positions of model types", () => {
  const padded = ints([1, 5], [7, 1, 8, 9, 1]);
  test.each([
    ["bert", 0, [0, 1, 2, 3, 4]],
    ["gpt2", 3, [3, 4, 5, 6, 7]],
    ["roberta", 0, [2, 1, 3, 4, 1]],
    ["xlm-roberta", 3, [5, 1, 6, 7, 1]],
  ])("%s, past %i", (modelType, past, expected) => {
    expect(onnxPositions(modelType, padded, past, 1).data).toEqual(Int32Array.from(expected));
  });
});

describe("images", () => {
  const image: PlannedImage = {
    kind: "image",
    key: "image",
    name: "image",
    colorSpace: "RGB",
    height: 1,
    width: 2,
    scale: [1, 0.5, 0.25],
    bias: [0, -1, 10],
  };
  const plan = { ...planOf("vit", "image-classification_two_labels"), inputs: [image] };
  const pixels = { image: ints([1, 3, 1, 2], [0, 255, 2, 4, 100, 200]) };

  test("are normalised per channel", () => {
    expect(fed(plan, [float("pixel_values", b, 3, b, b)], pixels)).toEqual({
      feeds: { pixel_values: hostTensor("fp32", [1, 3, 1, 2], [0, 255, 0, 1, 35, 60]) },
    });
  });

  test("in the model's order of channels", () => {
    const bgr = { ...plan, inputs: [{ ...image, colorSpace: "BGR" as const }] };
    expect(fed(bgr, [float("pixel_values", b, 3, b, b)], pixels)).toEqual({
      feeds: { pixel_values: hostTensor("fp32", [1, 3, 1, 2], [100, 200, 0, 1, 10, 73.75]) },
    });
  });

  test("of another size are said, not fed", () => {
    expect(fed(plan, [float("input", b, 3, 1, 2)], pixels)).toHaveProperty("feeds.input");
    expect(fed(plan, [float("pixel_values", b, 3, 224, 224)], pixels)).toEqual({
      misfit: "it takes pixel_values [?, 3, 224, 224] float32",
    });
  });
});
