import { describe, expect, test } from "vitest";
import { buildGraph } from "../../src/assembly/graph.ts";
import type { PlanOptions } from "../../src/options.ts";
import type { Plan, PlannedTensor } from "../../src/plan.ts";
import { feedsOf } from "../../src/run/feeds.ts";
import type { HostTensors } from "../../src/run/host-tensor.ts";
import { digestOf, type InputSet, type InputSuite } from "../../src/validate/input-set.ts";
import { inputSuite, type SuiteOptions } from "../../src/validate/input-suite.ts";
import type { TextEncoder } from "../../src/validate/tokenizer.ts";
import { casesOf, checkpointOf, modelTypes } from "../fixtures/case.ts";
import { plannedOf, planOf } from "./planned.ts";

const VOCABULARY = 30;
const tokenizer: TextEncoder = {
  encode(text, pair) {
    const [first, second] = [text, pair ?? ""].map((t) => t.split(" ").filter(Boolean));
    const words = [...(first ?? []), ...(second ?? [])];
    return {
      ids: words.map((w) => (w.length * 7) % VOCABULARY),
      segments: words.map((_, i) => Number(i >= (first?.length ?? 0))),
    };
  },
};

const suiteOf = (plan: Plan, more: Partial<SuiteOptions> = {}): InputSuite =>
  inputSuite(plan, { vocabulary: VOCABULARY, segments: 2, ...more });
const setOf = (suite: InputSuite, name: string): InputSet => {
  const set = suite.sets.find((s) => s.name === name);
  if (!set) throw new RangeError(`no set ${name} in ${suite.sets.map((s) => s.name)}`);
  return set;
};
const namesOf = (suite: InputSuite): string[] => suite.sets.map((s) => s.name);
const valuesOf = (inputs: HostTensors, name: string): number[] => [...(inputs[name]?.data ?? [])];

describe.each(modelTypes)("every plan of the fixtures of %s", (modelType) => {
  test.each(casesOf(modelType).map((c) => c.name))("%s takes its suite", (name) => {
    const planned = plannedOf(modelType, name);
    const c = casesOf(modelType).find((x) => x.name === name);
    for (const plan of planned.plans) {
      const model = buildGraph(plan, planned, checkpointOf(modelType, c as NonNullable<typeof c>));
      const described = model.interfaces.get("main");
      const { sets } = suiteOf(plan, { tokenizer });
      expect(sets.length).toBeGreaterThanOrEqual(3);
      expect(new Set(sets.map((s) => s.name)).size).toBe(sets.length);
      for (const { inputs, compare } of sets) {
        if (described) feedsOf(described, inputs);
        for (const output of Object.keys(compare)) expect(plan.outputs.map((o) => o.name)).toContain(output);
        invariants(plan, inputs);
      }
    }
  });
});

/** What holds for any call, whatever it tries. */
function invariants(plan: Plan, inputs: HostTensors): void {
  const byRole = (role: PlannedTensor["role"]): HostTensors[string] | undefined =>
    inputs[plan.inputs.find((i) => i.kind === "tensor" && i.role === role)?.name ?? ""];
  const [ids, mask, segments, past] = [byRole("ids"), byRole("mask"), byRole("segments"), byRole("past")];
  if (ids) for (const id of ids.data) expect(id >= 0 && id < VOCABULARY).toBe(true);
  if (segments) for (const s of segments.data) expect(s === 0 || s === 1).toBe(true);
  if (past) for (const v of past.data) expect(Math.abs(v)).toBeLessThanOrEqual(6);
  if (!mask || !ids) return;
  const pastLength = past?.shape[2] ?? 0;
  expect(mask.shape.at(-1)).toBe(pastLength + (ids.shape.at(-1) ?? 0));
  const columns = mask.shape.at(-1) ?? 1;
  for (let row = 0; row < mask.data.length; row += columns) {
    const own = [...mask.data.slice(row + pastLength, row + columns)];
    expect(own[0], "the first token is attended to").toBe(1);
    expect(own, "padding is on the right").toEqual([...own].sort((a, b) => b - a));
  }
}

describe("lengths", () => {
  const lengthsOf = (options: PlanOptions): string[] =>
    namesOf(suiteOf(planOf("bert", "feature-extraction_relative_key", options))).filter((n) => n.startsWith("length"));

  test.each([
    [{}, ["length-1", "length-12", "length-24"]],
    [{ sequenceLength: "4..9" }, ["length-4", "length-6", "length-9"]],
    [{ sequenceLength: 16 }, ["length-16"]],
    [{ sequenceLength: "16,4,8" }, ["length-4", "length-8", "length-16"]],
    [{ sequenceLength: "2,20" }, ["length-2", "length-20"]],
  ])("%j", (options, expected) => {
    expect(lengthsOf(options)).toEqual(expected);
  });

  test("with a past, P and S go to their ends", () => {
    const suite = suiteOf(planOf("gpt2", "text-generation_base_past"));
    const pairs = suite.sets
      .filter((s) => s.name.startsWith("length"))
      .map(({ inputs }) => [inputs.input_ids?.shape[1], inputs.past_key_values_0_key?.shape[2]]);
    const { S, P } = planOf("gpt2", "text-generation_base_past").lengths;
    expect(pairs).toContainEqual([1, 1]);
    expect(pairs).toContainEqual([S?.max, P?.max]);
    expect(pairs).toContainEqual([S?.max, P?.min]);
  });

  test("a past that would not fit in memory is cut, with a note", () => {
    const plan = planOf("gpt2", "text-generation_base_past");
    const past = { min: 1, max: 1_000_000, default: 8 };
    const suite = suiteOf({ ...plan, lengths: { ...plan.lengths, P: past } });
    expect(suite.diagnostics.map((d) => d.code)).toEqual(["suite.past"]);
    for (const { inputs } of suite.sets) expect(inputs.past_key_values_0_key?.shape[2]).toBeLessThan(1_000_000);
  });
});

describe("what each set tries", () => {
  const suite = suiteOf(planOf("bert", "feature-extraction_base"), { tokenizer });

  test("all of them", () => {
    expect(namesOf(suite)).toEqual([
      "greeting",
      "sentence",
      "length-1",
      "length-12",
      "length-24",
      "edge-ids",
      "one-token",
      "right-padded",
      "non-zero-segments",
    ]);
  });

  test("padding is masked and not compared", () => {
    const { inputs, compare } = setOf(suite, "right-padded");
    const mask = valuesOf(inputs, "attention_mask");
    expect(mask).toEqual([...Array(15).fill(1), ...Array(9).fill(0)]);
    expect(valuesOf(inputs, "input_ids").slice(15)).toEqual(Array(9).fill(0));
    expect(compare).toEqual({ last_hidden_state: { axis: 1, kept: [...Array(15).keys()] } });
  });

  test("without padding everything is compared", () => {
    expect(setOf(suite, "length-24").compare).toEqual({});
  });

  test("ids at both ends of the vocabulary", () => {
    expect(new Set(valuesOf(setOf(suite, "edge-ids").inputs, "input_ids"))).toEqual(new Set([0, VOCABULARY - 1]));
  });

  test("one token over and over", () => {
    expect(new Set(valuesOf(setOf(suite, "one-token").inputs, "input_ids")).size).toBe(1);
  });

  test("both segments", () => {
    const segments = valuesOf(setOf(suite, "non-zero-segments").inputs, "token_type_ids");
    expect(segments).toEqual([...Array(12).fill(0), ...Array(12).fill(1)]);
  });

  test("a sentence pair through the tokenizer, segments included", () => {
    const { inputs } = setOf(suite, "sentence");
    expect(new Set(valuesOf(inputs, "token_type_ids"))).toEqual(new Set([0, 1]));
    expect(inputs.input_ids?.shape).toEqual([1, 24]);
  });

  test("a past whose beginning is masked", () => {
    const plan = planOf("gpt2", "text-generation_base_past");
    const { inputs, compare } = setOf(suiteOf(plan), "masked-past");
    const past = inputs.past_key_values_0_key?.shape[2] ?? 0;
    const mask = valuesOf(inputs, "attention_mask");
    const masked = Math.floor(past / 2);
    expect(mask.slice(0, masked)).toEqual(Array(masked).fill(0));
    expect(mask.slice(masked).every((m) => m === 1)).toBe(true);
    expect(compare.present_key_values_0_key).toEqual({
      axis: 2,
      kept: Array.from({ length: mask.length - masked }, (_, i) => i + masked),
    });
    expect(compare.logits?.kept).toEqual([...Array(inputs.input_ids?.shape[1]).keys()]);
  });

  test("every choice gets a text of its own", () => {
    const { inputs } = setOf(suiteOf(planOf("bert", "multiple-choice_four"), { tokenizer }), "sentence");
    const [, choices, length] = inputs.input_ids?.shape ?? [];
    expect(choices).toBe(4);
    const ids = valuesOf(inputs, "input_ids");
    const rows = Array.from({ length: 4 }, (_, i) => String(ids.slice(i * (length ?? 0), (i + 1) * (length ?? 0))));
    expect(new Set(rows).size).toBe(4);
  });

  test("without a mask, text is said again rather than padded", () => {
    const plan = planOf("bert", "feature-extraction_no_mask", { sequenceLength: 20 });
    const suite = suiteOf(plan, { tokenizer });
    const ids = valuesOf(setOf(suite, "greeting").inputs, "input_ids");
    expect(ids).toEqual(Array(20).fill(tokenizer.encode("Hello!").ids[0]));
    expect(namesOf(suite)).not.toContain("right-padded");
  });
});

describe("images", () => {
  test("a gradient, noise and black, 0 to 255, with channels of their own", () => {
    const plan = planOf("vit", "feature-extraction_not_square");
    const suite = inputSuite(plan);
    const [image] = plan.inputs;
    if (image?.kind !== "image") throw new TypeError("no image");
    expect(namesOf(suite)).toEqual(["gradient", "noise", "black"]);
    for (const { inputs } of suite.sets) {
      expect(inputs.image?.shape).toEqual([1, 3, image.height, image.width]);
      for (const v of inputs.image?.data ?? []) expect(v >= 0 && v <= 255 && Number.isInteger(v)).toBe(true);
    }
    const gradient = valuesOf(setOf(suite, "gradient").inputs, "image");
    const plane = image.height * image.width;
    const planes = [0, 1, 2].map((c) => String(gradient.slice(c * plane, (c + 1) * plane)));
    expect(new Set(planes).size).toBe(3);
    expect(Math.max(...gradient)).toBe(255);
    expect(Math.max(...valuesOf(setOf(suite, "black").inputs, "image"))).toBe(0);
    expect(new Set(valuesOf(setOf(suite, "noise").inputs, "image")).size).toBeGreaterThan(100);
  });

  test("grayscale has one channel", () => {
    const suite = inputSuite(planOf("vit", "feature-extraction_gray"));
    expect(setOf(suite, "noise").inputs.image?.shape[1]).toBe(1);
  });

  test("masked patches are both kinds", () => {
    for (const { inputs } of inputSuite(planOf("vit", "masked-im_base")).sets)
      expect(new Set(valuesOf(inputs, "bool_masked_pos"))).toEqual(new Set([0, 1]));
  });
});

describe("reproducibility", () => {
  const plan = planOf("gpt2", "text-generation_base_past");
  const digest = (seed: number): string => digestOf(suiteOf(plan, { seed }).sets);

  test("equal seeds give equal inputs", () => {
    expect(digest(1)).toBe(digest(1));
    expect(digest(1)).not.toBe(digest(2));
  });

  test("the digest tells names, shapes and values apart", () => {
    const set = (name: string, shape: number[], values: number[]): InputSet => ({
      name,
      inputs: { x: { dtype: "fp32", shape, data: Float32Array.from(values) } },
      compare: {},
    });
    const digests = [set("a", [2], [1, 2]), set("b", [2], [1, 2]), set("a", [1, 2], [1, 2]), set("a", [2], [1, 3])];
    expect(new Set(digests.map((s) => digestOf([s]))).size).toBe(4);
  });
});

test("ids beyond the vocabulary stop the sentences, not the suite", () => {
  const foreign: TextEncoder = { encode: () => ({ ids: [1, VOCABULARY], segments: [0, 0] }) };
  const { sets, diagnostics } = suiteOf(planOf("bert", "feature-extraction_base"), { tokenizer: foreign });
  expect(diagnostics).toMatchObject([{ code: "tokenizer.vocabulary", severity: "warning" }]);
  expect(sets.map((s) => s.name)).not.toContain("sentence");
  expect(sets.length).toBeGreaterThan(4);
});

test("a tokenizer that fails at a pair stops the sentences, not the suite", () => {
  const broken: TextEncoder = {
    encode(_, pair) {
      if (pair !== undefined) throw new TypeError("no pairs");
      return { ids: [1, 2], segments: [0, 0] };
    },
  };
  const { sets, diagnostics } = suiteOf(planOf("bert", "next-sentence-prediction_base"), { tokenizer: broken });
  expect(diagnostics).toMatchObject([{ code: "tokenizer.unusable", severity: "warning" }]);
  expect(sets.map((s) => s.name)).not.toContain("sentence");
});

test.each([-1, VOCABULARY, 1.5, 1e300])("a padding id of %d, which is none, is not fed", (paddingId) => {
  const { sets } = suiteOf(planOf("bert", "feature-extraction_base"), { paddingId });
  const ids = sets.flatMap((s) => [...(s.inputs.input_ids?.data ?? [])]);
  expect(ids.every((id) => id >= 0 && id < VOCABULARY)).toBe(true);
});

test("ids need a vocabulary", () => {
  expect(() => inputSuite(planOf("bert", "feature-extraction_base"))).toThrow(RangeError);
});
