import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildGraph } from "../../src/assembly/graph.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import type { Feature, Interface } from "../../src/mil/interface.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { type Adopted, adopt, type DescribedPackage, type ShapesOf } from "../../src/planning/adopt/adopt.ts";
import { scratchFolder } from "../shells/scratch.ts";
import { type CheckpointChanges, packagePath, writeCheckpoint } from "./packages.ts";

const scratch = scratchFolder("adopt");
let written = 0;

interface Changes {
  /** New names by old ones, of inputs and outputs. */
  readonly names?: Readonly<Record<string, string>>;
  readonly interface?: (described: Interface) => Interface;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly checkpoint?: CheckpointChanges;
  readonly task?: string;
}

/** What a fixture is taken for when something in its description is changed. */
function adopted(name: string, changes: Changes = {}): Adopted {
  using model = readPackage(packagePath(name), ops);
  const { names = {}, metadata = model.metadata.userDefined, task } = changes;
  const renamed = (f: Feature): Feature => ({ ...f, name: names[f.name] ?? f.name });
  const [func] = [...model.program.functions.values()];
  const [own] = [...model.interfaces.values()];
  if (!func || !own) throw new RangeError("no function");
  for (const v of func.body.outputs) v.name = names[v.name] ?? v.name;
  const described = { ...own, inputs: own.inputs.map(renamed), outputs: own.outputs.map(renamed) };
  const given: DescribedPackage = {
    interface: changes.interface?.(described) ?? described,
    func,
    target: model.target,
    metadata,
  };
  const checkpoint = openCheckpoint(writeCheckpoint(name, join(scratch, `${written++}`), changes.checkpoint));
  const shapes: ShapesOf = (plan, planned) => {
    const { program } = buildGraph(plan, planned, checkpoint);
    const outputs = [...program.functions.values()].flatMap((f) => f.body.outputs);
    return new Map(outputs.flatMap(({ name: n, type }) => (type.kind === "tensor" ? [[n, type.shape] as const] : [])));
  };
  try {
    return adopt(given, checkpoint, task === undefined ? {} : { task }, shapes);
  } finally {
    checkpoint.close();
  }
}

const noMetadata: ReadonlyMap<string, string> = new Map();
const inputs = ({ plan }: Adopted): string[] => plan.inputs.map((i) => `${i.key}=${i.name}`);
const outputs = ({ plan }: Adopted): string[] => plan.outputs.map((o) => `${o.key}=${o.name} ${o.finish}`);
const texts = ({ diagnostics }: Adopted): string => diagnostics.map((d) => `${d.path}: ${d.message}`).join("\n");

describe("names of inputs", () => {
  test.each([
    ["inputIds", "attentionMask"],
    ["INPUT_IDS", "AttentionMask"],
    ["x", "mask"],
    ["tokens", "padding_mask"],
    ["input_ids_1", "attention_mask_1"],
    ["input", "var_2"],
  ])("%s and %s", (ids, mask) => {
    const found = adopted("bert_masked-lm", { names: { input_ids: ids, attention_mask: mask } });
    expect(inputs(found)).toEqual([`input_ids=${ids}`, `attention_mask=${mask}`]);
  });

  test("that say nothing are refused where more than one possibility is left", () => {
    expect(() => adopted("bert_question-answering", { names: { attention_mask: "a", token_type_ids: "b" } })).toThrow(
      expect.objectContaining({
        kind: "validation",
        diagnostics: [
          expect.objectContaining({
            code: "adopt.input",
            hint: expect.stringMatching(
              /the package takes input_ids .*, a .*, b .*; the model has .*token_type_ids.*--feature/,
            ),
          }),
        ],
      }),
    );
  });

  test("an input nobody knows is left out where it is optional", () => {
    const extra =
      (optional: boolean) =>
      (i: Interface): Interface => ({
        ...i,
        inputs: [
          ...i.inputs,
          {
            kind: "tensor",
            name: "temperature",
            dtype: "fp32",
            shape: [1],
            flexibility: { kind: "fixed" },
            ...(optional ? { optional: { value: 1 } } : {}),
          },
        ],
      });
    expect(texts(adopted("bert_masked-lm", { interface: extra(true) }))).toContain("temperature: is optional");
    expect(() => adopted("bert_masked-lm", { interface: extra(false) })).toThrow("temperature: stands for no input");
  });

  test("without a mask every token counts", () => {
    const found = adopted("bert_masked-lm", {
      interface: (i) => ({ ...i, inputs: i.inputs.filter((f) => f.name !== "attention_mask") }),
    });
    expect(inputs(found)).toEqual(["input_ids=input_ids"]);
  });
});

describe("the task", () => {
  test.each([
    ["bert_masked-lm", "fill-mask"],
    ["bert_sequence-classification", "text-classification"],
    ["bert_question-answering", "question-answering"],
    ["distilbert_default", "feature-extraction"],
    ["gpt2_causal-lm", "text-generation"],
    ["vit_image-classification", "image-classification"],
  ])("of %s without metadata is %s", (name, task) => {
    expect(adopted(name, { metadata: noMetadata }).plan.task).toBe(task);
  });

  test("is the one whose outputs they are, whatever config.json names first", () => {
    const config = { architectures: ["BertForMaskedLM"] };
    const found = adopted("bert_question-answering", { metadata: noMetadata, checkpoint: { config } });
    expect(found.plan.task).toBe("question-answering");
  });

  test("is the one asked for, by an older name too", () => {
    const found = adopted("bert_masked-lm", { metadata: noMetadata, task: "masked-lm" });
    expect(found.plan.task).toBe("fill-mask");
    expect(texts(found)).toContain("by --feature");
  });

  test("that outputs do not fit is refused with what there is", () => {
    expect(() => adopted("bert_masked-lm", { task: "feature-extraction" })).toThrow(
      expect.objectContaining({
        diagnostics: [
          expect.objectContaining({
            code: "adopt.output",
            hint: expect.stringMatching(
              /gives token_scores fp32 .*; the model last_hidden_state \[1, 12, 16\].*--feature/,
            ),
          }),
        ],
      }),
    );
  });

  test("in metadata that is none is not used", () => {
    const found = adopted("bert_masked-lm", { metadata: new Map([["co.huggingface.exporters.task", "magic"]]) });
    expect(found.plan.task).toBe("fill-mask");
    expect(texts(found)).toContain("is 'magic', which is no task");
  });
});

describe("outputs", () => {
  test.each([
    ["token_scores", "softmax", "by its name and by the graph"],
    ["logits", "none", "it is taken at its name"],
    ["var_99", "softmax", "its name says nothing"],
    ["probabilities", "softmax", "by its name and by the graph"],
  ])("a softmax called %s is compared as %s", (name, finish, why) => {
    const found = adopted("bert_masked-lm", { names: { token_scores: name } });
    expect(outputs(found)).toEqual([`logits=${name} ${finish}`]);
    expect(texts(found)).toContain(why);
  });

  test("raw values called token_scores are taken at their name", () => {
    const found = adopted("bert_token-classification_raw", { names: { var_126: "token_scores" } });
    expect(outputs(found)).toEqual(["logits=token_scores softmax"]);
  });

  test("two of one shape stand in the order in which Transformers returns them", () => {
    const found = adopted("bert_question-answering", { names: { start_scores: "var_1", end_scores: "var_2" } });
    expect(outputs(found)).toEqual(["start_logits=var_1 softmax", "end_logits=var_2 softmax"]);
  });

  test("a classifier's labels are the checkpoint's, never the package's", () => {
    const config = { id2label: { 0: "a", 1: "b", 2: "c" } };
    expect(adopted("bert_sequence-classification", { checkpoint: { config } }).plan.labels).toEqual(["a", "b", "c"]);
  });

  test("a classifier of numbers is compared by place", () => {
    const numbers = (i: Interface): Interface => ({
      ...i,
      outputs: i.outputs.map((f) => (f.kind === "label" ? { ...f, type: "int64" as const } : f)),
    });
    expect(adopted("bert_sequence-classification", { interface: numbers }).plan.labels).toEqual(["0", "1", "2"]);
  });

  test("that the model does not give are not compared", () => {
    expect(adopted("bert_sequence-classification_fp16-io").notCompared).toEqual(["hiddenStates"]);
  });
});

describe("lengths", () => {
  const ranged =
    (min: number, max: number) =>
    (i: Interface): Interface => ({
      ...i,
      inputs: i.inputs.map((f) =>
        f.kind === "tensor" && f.name === "input_ids"
          ? {
              ...f,
              flexibility: {
                kind: "range",
                ranges: [
                  [1, 1],
                  [min, max],
                ],
              } as const,
            }
          : f,
      ),
    });

  test("that only one input takes are not tried", () => {
    expect(
      adopted("bert_masked-lm", { interface: ranged(1, 24) }).plan.inputs.map((i) => "shape" in i && i.shape),
    ).toEqual([
      [1, 12],
      [1, 12],
    ]);
    expect(() => adopted("bert_masked-lm", { interface: ranged(13, 24) })).toThrow("no length fits both");
  });

  test("beyond the model's positions are not tried, and that is said", () => {
    const open = (i: Interface): Interface => ({
      ...i,
      inputs: i.inputs.map((f) =>
        f.kind === "tensor"
          ? {
              ...f,
              flexibility: {
                kind: "range",
                ranges: [
                  [1, 1],
                  [1, 512],
                ],
              } as const,
            }
          : f,
      ),
    });
    const found = adopted("bert_masked-lm", { interface: open });
    expect(found.plan.lengths).toEqual({ S: { min: 1, max: 24, default: 24 } });
    expect(texts(found)).toContain("takes up to 512 tokens, the model has 24 positions");
  });

  test("are those the package enumerates", () => {
    expect(adopted("bert_token-classification_raw").plan.lengths).toEqual({
      S: { min: 8, max: 16, default: 8, values: [8, 16] },
    });
  });

  test("a batch of several is refused", () => {
    const batched = (i: Interface): Interface => ({
      ...i,
      inputs: i.inputs.map((f) => (f.kind === "tensor" ? { ...f, shape: [4, 12] } : f)),
    });
    expect(() => adopted("bert_masked-lm", { interface: batched })).toThrow("has shape [4, 12], input_ids is [1, 12]");
  });
});

describe("images", () => {
  test("in the size of the package, normalised as the checkpoint's processor does", () => {
    const [image] = adopted("vit_image-classification").plan.inputs;
    expect(image).toMatchObject({ name: "image", height: 8, width: 8, scale: [1 / 127.5, 1 / 127.5, 1 / 127.5] });
    expect(image?.kind === "image" && image.bias.map((b) => Number(b.toFixed(6)))).toEqual([-1, -0.8, -0.6]);
  });

  test("as tensors are normalised before they are given", () => {
    expect(adopted("vit_image-classification_tensor").normalised.map((i) => i.name)).toEqual(["pixel_values"]);
    expect(adopted("vit_image-classification").normalised).toEqual([]);
  });

  test("with their channels last are refused", () => {
    const last = (i: Interface): Interface => ({
      ...i,
      inputs: i.inputs.map((f) => (f.kind === "tensor" ? { ...f, shape: [1, 8, 8, 3] } : f)),
    });
    expect(() => adopted("vit_image-classification_tensor", { interface: last })).toThrow(
      "has shape [1,8,8,3], expected [1, 3, height, width]",
    );
  });
});

describe("a plan in the metadata", () => {
  const plan = {
    model: { modelType: "bert" },
    task: "fill-mask",
    part: "model",
    inputs: [
      { key: "input_ids", name: "a" },
      { key: "attention_mask", name: "b" },
    ],
    outputs: [{ key: "logits", name: "c", finish: "softmax" }],
  };
  const names = { input_ids: "a", attention_mask: "b", token_scores: "c" };
  const stored = (value: unknown): ReadonlyMap<string, string> =>
    new Map([["coreml-export.plan", typeof value === "string" ? value : JSON.stringify(value)]]);

  test("says what names alone do not", () => {
    const found = adopted("bert_masked-lm", { names, metadata: stored(plan) });
    expect(inputs(found)).toEqual(["input_ids=a", "attention_mask=b"]);
    expect(outputs(found)).toEqual(["logits=c softmax"]);
    expect(texts(found)).toContain("compared as fill-mask, by the plan in its metadata");
  });

  test.each([
    ["is no JSON", "{"],
    ["is a list", []],
    ["has a task nobody knows", { ...plan, task: "magic" }],
    ["has a part nobody knows", { ...plan, part: "half" }],
    ["names an input the package does not have", { ...plan, inputs: [...plan.inputs, { key: "x", name: "x" }] }],
    ["leaves an output out", { ...plan, outputs: [] }],
    ["finishes in a way nobody knows", { ...plan, outputs: [{ key: "logits", name: "c", finish: "sign" }] }],
    ["has two inputs of one name", { ...plan, inputs: [plan.inputs[0], plan.inputs[0]] }],
    ["holds numbers for names", { ...plan, inputs: [{ key: 1, name: 2 }] }],
  ])("that %s is not used", (_, value) => {
    const found = adopted("bert_masked-lm", { names: { token_scores: "c" }, metadata: stored(value) });
    expect(found.plan.task).toBe("fill-mask");
    expect(texts(found)).toContain("coreml-export.plan: the plan in the metadata is not used");
  });

  test("of another model type is a warning", () => {
    const found = adopted("bert_masked-lm", { names, metadata: stored({ ...plan, model: { modelType: "gpt2" } }) });
    expect(texts(found)).toContain("the package says it is of a 'gpt2' model, the checkpoint is a 'bert'");
  });
});
