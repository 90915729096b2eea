import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import { fail } from "../../src/diagnostics.ts";
import type { Func } from "../../src/mil/program.ts";
import type { Plan } from "../../src/plan.ts";
import { execute } from "../../src/run/execute.ts";
import { elementCount } from "../../src/tensor/dtype.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { mapped } from "../../src/tensor/views.ts";
import { goldenReference } from "../../src/validate/golden.ts";
import { halfRange } from "../../src/validate/half-range.ts";
import { inputSuite } from "../../src/validate/input-suite.ts";
import { locateDivergence, watchPackage } from "../../src/validate/locate.ts";
import type { Reference } from "../../src/validate/reference.ts";
import {
  type Executor,
  type ValidationRequest,
  type ValidationStep,
  validatePackage,
} from "../../src/validate/validate.ts";
import { inProcess, packageFolder, referenceOf } from "./planned.ts";

type Made = Awaited<ReturnType<ReturnType<typeof packageFolder>["write"]>>;

const folder = packageFolder();
afterAll(() => folder.remove());

const WORST = "encoder_layer_1_output_dense_weight";

/** The same graph over a weight multiplied by `factor`. */
const scaled =
  (weight: string, factor: number) =>
  (func: Func): Func => {
    const value = func.body.nodes.flatMap((n) => n.outputs).find((v) => v.name === weight && v.constant);
    if (value?.constant?.kind !== "tensor") throw new RangeError(`no weight ${weight}`);
    const data = mapped(value.constant.data, `x${factor}`, (x) => x * factor);
    Object.assign(value, { constant: { kind: "tensor", data } });
    return func;
  };

const requestFor = ({ path, plan }: Made, more: Partial<ValidationRequest> = {}): ValidationRequest => ({
  path,
  plan,
  reference: referenceOf(path),
  suite: inputSuite(plan, { vocabulary: 30 }),
  executors: { onnxruntime: inProcess },
  ...more,
});

describe("a package that computes what the checkpoint computes", () => {
  test("passes, in one mode for float32", async () => {
    const made = await folder.write("bert", "feature-extraction_relative_key");
    const steps: ValidationStep[] = [];
    const found = await validatePackage(requestFor(made, { onProgress: (s) => steps.push(s) }));
    expect(found.verdict).toEqual({ status: "passed", executor: "onnxruntime" });
    expect(found.sets.every((s) => s.passed && s.comparisons.length === made.plan.outputs.length)).toBe(true);
    expect(found).toMatchObject({
      reference: { kind: "checkpoint", name: "fixture" },
      classes: null,
      precisionSpread: [],
    });
    expect(found.inputs.seed).toBe(0);
    expect(found.measured.runs).toBe(found.sets.length);
    expect(steps.map((s) => s.done)).toEqual([...Array(2 * found.sets.length).keys()]);
    expect(new Set(steps.map((s) => s.total))).toEqual(new Set([2 * found.sets.length]));
  });

  test("passes in blocks with the same figures, each opened once for all sets, and says so", async () => {
    const made = await folder.write("bert", "feature-extraction_relative_key");
    const asked: (readonly string[])[] = [];
    const inBlocks: Executor = async (path, options) => {
      const execution = await execute(path, { ...options, blockBytes: 10_000 });
      let waiting: string[] = [];
      const run: typeof execution.run = async (inputs) => {
        if (waiting.push(Object.keys(inputs).join()) === 1) asked.push(waiting);
        const prediction = await execution.run(inputs);
        waiting = [];
        return prediction;
      };
      return { ...execution, run, peakMemory: 1 };
    };
    const whole = await validatePackage(requestFor(made, { executors: { onnxruntime: execute } }));
    const found = await validatePackage(requestFor(made, { executors: { onnxruntime: inBlocks } }));
    expect(found.verdict.status).toBe("passed");
    expect(found.sets).toEqual(whole.sets);
    expect(asked.map((calls) => calls.length)).toEqual([found.sets.length]);
    expect(found.measured.runs).toBe(found.sets.length);
    const notes = found.diagnostics.filter((d) => d.code === "run.blocks");
    expect(notes).toMatchObject([{ severity: "note", message: expect.stringMatching(/^ran in [1-9]\d* blocks/) }]);
    expect(whole.diagnostics.filter((d) => d.code === "run.blocks")).toEqual([]);
  });

  test("passes in half precision, the spread between the modes given", async () => {
    const float = await folder.write("bert", "feature-extraction_relative_key");
    const half = await folder.write("bert", "feature-extraction_relative_key", { precision: "float16" });
    const found = await validatePackage(requestFor(half, { reference: referenceOf(float.path) }));
    expect(found.verdict.status).toBe("passed");
    expect(found.measured.runs).toBe(2 * found.sets.length);
    expect(found.precisionSpread.map((s) => s.output)).toEqual(half.plan.outputs.map((o) => o.name));
    for (const { maxAbsolute } of found.precisionSpread) expect(maxAbsolute).toBeGreaterThan(0);
    const [comparison] = found.sets[0]?.comparisons ?? [];
    expect(comparison?.tolerance?.rule).toContain("float16");
    expect(comparison?.error?.maxAbsolute).toBeGreaterThan(1e-4);
  });

  test("passes as a classifier, label and classes included", async () => {
    const made = await folder.write("bert", "text-classification_three_labels");
    const found = await validatePackage(requestFor(made));
    expect(found.verdict.status).toBe("passed");
    expect(found.classes).toEqual({ passed: true, actual: 3, expected: 3 });
    for (const { label } of found.sets) {
      expect(made.plan.labels).toContain(label?.actual);
      expect(label).toMatchObject({ passed: true, expected: label?.actual });
    }
  });

  test.each([
    ["gpt2", "text-generation_base_past"],
    ["vit", "image-classification_two_labels"],
    ["vit", "masked-im_base"],
    ["bert", "multiple-choice_four"],
    ["distilbert", "question-answering_base"],
  ])("passes: %s %s", async (modelType, name) => {
    const found = await validatePackage(requestFor(await folder.write(modelType, name)));
    expect(found.verdict.status).toBe("passed");
  });

  test("passes in a process of its own, with the memory it took", async () => {
    const made = await folder.write("bert", "feature-extraction_relative_key");
    const found = await validatePackage(requestFor(made, { executors: { onnxruntime: execute } }));
    expect(found.verdict.status).toBe("passed");
    expect(found.measured.peakMemory).toBeGreaterThan(10 << 20);
  });
});

describe("a package that does not", () => {
  let good: Made;
  let bad: Made;
  beforeAll(async () => {
    good = await folder.write("bert", "feature-extraction_relative_key");
    bad = await folder.write("bert", "feature-extraction_relative_key", {}, scaled(WORST, 1.01));
  });

  test("fails, saying where", async () => {
    const found = await validatePackage(requestFor(bad, { reference: referenceOf(good.path) }));
    expect(found.verdict).toMatchObject({ status: "failed", executor: "onnxruntime" });
    const wrong = found.sets[0]?.comparisons.find((c) => !c.passed);
    expect(wrong?.failures[0]).toMatch(/^max \|difference\| [\d.e-]+ is above 0.0001$/);
    expect(wrong?.firstDivergence?.index).toHaveLength(3);
  });

  test("passes only where an explicit atol lets it", async () => {
    const wide = await validatePackage(requestFor(bad, { reference: referenceOf(good.path), atol: 1 }));
    expect(wide.verdict.status).toBe("passed");
    expect(wide.sets[0]?.comparisons[0]?.tolerance).toEqual({ atol: 1, rule: "set explicitly" });
    const none = await validatePackage(requestFor(bad, { reference: referenceOf(good.path), atol: 0 }));
    expect(none.verdict.status).toBe("failed");
  });

  test("is found at the first value that jumps", async () => {
    const [set] = inputSuite(good.plan, { vocabulary: 30 }).sets;
    const watch = (m: Made) => watchPackage(m.path, {}, inProcess);
    if (!set) throw new RangeError("no set");
    expect(await locateDivergence(watch(bad), watch(good), "float32", set)).toMatchObject({
      value: expect.stringContaining("encoder_layer_1_output_dense"),
      op: "linear",
    });
    expect(await locateDivergence(watch(good), watch(good), "float32", set)).toBeUndefined();
  });

  test("fails by an output too many or too few", async () => {
    const reference = referenceOf(good.path);
    const renamed: Reference = {
      ...reference,
      outputs: async (set) => {
        const { last_hidden_state: hidden, ...rest } = await reference.outputs(set);
        return { ...rest, ...(hidden ? { renamed: hidden } : {}) };
      },
    };
    const found = await validatePackage(requestFor(good, { reference: renamed }));
    expect(found.verdict.status).toBe("failed");
    expect(found.sets[0]).toMatchObject({ passed: false, missing: ["renamed"], extra: ["last_hidden_state"] });
  });

  test("fails when its labels are not the plan's", async () => {
    const made = await folder.write("bert", "text-classification_three_labels");
    const plan: Plan = { ...made.plan, labels: ["a", "b", "c"] };
    const found = await validatePackage(requestFor({ ...made, plan }));
    expect(found.verdict.status).toBe("failed");
    expect(found.classes).toEqual({ passed: false, actual: 3, expected: 3 });
    expect(found.sets.every((s) => s.label?.passed === false)).toBe(true);
  });

  test("fails when it has more classes than the plan, whatever it predicts", async () => {
    const made = await folder.write("bert", "text-classification_three_labels");
    const more: Executor = async (path, options) => ({
      ...(await inProcess(path, options)),
      classes: [...(made.plan.labels ?? []), "another"],
    });
    const found = await validatePackage(requestFor(made, { executors: { onnxruntime: more } }));
    expect(found.sets.every((s) => s.passed)).toBe(true);
    expect(found.classes).toEqual({ passed: false, actual: 4, expected: 3 });
    expect(found.verdict).toMatchObject({ status: "failed", reason: "the labels are not those of the plan" });
  });

  test("fails when it crashes or takes too long, with the diagnostics", async () => {
    const dying: Executor = async (path, options) => ({
      ...(await inProcess(path, options)),
      run: async () => fail("validation", "run.crash", "the process that ran the package ended (SIGSEGV)", { path }),
    });
    const found = await validatePackage(requestFor(good, { executors: { onnxruntime: dying } }));
    expect(found.verdict).toMatchObject({ status: "failed", reason: expect.stringContaining("SIGSEGV") });
    expect(found.diagnostics).toMatchObject([{ code: "run.crash" }]);
    const late = await validatePackage(requestFor(good, { executors: { onnxruntime: execute }, timeLimit: 1e-3 }));
    expect(late.diagnostics).toMatchObject([{ code: "run.time" }]);
    expect(late.verdict.status).toBe("failed");
  });

  test("fails when it cannot be read", async () => {
    const found = await validatePackage(
      requestFor({ ...good, path: join(folder.path, "none.mlpackage") }, { reference: referenceOf(good.path) }),
    );
    expect(found.verdict.status).toBe("failed");
    expect(found.diagnostics.length).toBeGreaterThan(0);
  });
});

describe("what did not run is not said to have passed", () => {
  let made: Made;
  beforeAll(async () => {
    made = await folder.write("bert", "feature-extraction_relative_key");
  });

  test("without a reference", async () => {
    const reference = { kind: "onnx", name: "model.onnx", reason: "the repository has no ONNX file" } as const;
    const found = await validatePackage(requestFor(made, { reference }));
    expect(found.verdict).toEqual({ status: "not-run", executor: null, reason: "the repository has no ONNX file" });
    expect(found.measured.runs).toBe(0);
  });

  test("without the executor asked for", async () => {
    const found = await validatePackage(requestFor(made, { executor: "coreml" }));
    expect(found.verdict).toMatchObject({ status: "not-run", executor: null });
    expect(found.verdict).toHaveProperty("reason", `Core ML is not available on ${process.platform}`);
  });

  test("without inputs", async () => {
    const found = await validatePackage(requestFor(made, { suite: { sets: [], diagnostics: [] } }));
    expect(found.verdict.status).toBe("not-run");
  });

  test("when the reference gives no outputs", async () => {
    const reference: Reference = {
      kind: "checkpoint",
      name: "fixture",
      outputs: async () => fail("internal", "run.load", "out of memory"),
    };
    const found = await validatePackage(requestFor(made, { reference }));
    expect(found.verdict).toMatchObject({ status: "not-run", reason: expect.stringContaining("out of memory") });
    expect(found.diagnostics).toMatchObject([{ code: "run.load" }]);
  });

  test("an error of ours is no verdict", async () => {
    const broken: Executor = async () => {
      throw new TypeError("a bug");
    };
    await expect(validatePackage(requestFor(made, { executors: { onnxruntime: broken } }))).rejects.toThrow("a bug");
  });

  test("when it was cancelled", async () => {
    const controller = new AbortController();
    const onProgress = ({ done }: ValidationStep): void => {
      if (done === 2) controller.abort(new Error("enough"));
    };
    const request = requestFor(made, { signal: controller.signal, onProgress });
    await expect(validatePackage(request)).rejects.toThrow("enough");
  });
});

describe("a golden file", () => {
  let made: Made;
  beforeAll(async () => {
    made = await folder.write("bert", "feature-extraction_relative_key");
  });

  async function saved(name: string, change: (x: number) => number, length = 5): Promise<Reference> {
    const inputs = { input_ids: [1, length], attention_mask: [1, length] } as const;
    const ones = (shape: readonly number[]) => Int32Array.from({ length: elementCount(shape) }, () => 1);
    const call = Object.fromEntries(
      Object.entries(inputs).map(([key, shape]) => [key, { dtype: "int32" as const, shape, data: ones(shape) }]),
    );
    const legal = Object.fromEntries(
      Object.entries(call).map(([key, t]) => [key, { ...t, shape: [1, 5], data: t.data.slice(0, 5) }]),
    );
    const outputs = await referenceOf(made.path).outputs({ name, inputs: legal, compare: {} });
    const tensors = [
      ...Object.entries(call).map(
        ([key, t]) => [`${name}/in/${key}`, tensorOf("int32", t.shape, t.data, key)] as const,
      ),
      ...Object.entries(outputs).map(
        ([key, t]) =>
          [`${name}/out/${key}`, tensorOf("fp32", t.shape, Float32Array.from(t.data, change), key)] as const,
      ),
    ];
    const path = join(folder.path, `${name}.safetensors`);
    writeSafetensors(path, new Map(tensors));
    return goldenReference(path, made.plan);
  }

  test("replaces the suite", async () => {
    const found = await validatePackage(requestFor(made, { reference: await saved("mine", (x) => x) }));
    expect(found.verdict.status).toBe("passed");
    expect(found.sets.map((s) => s.name)).toEqual(["mine"]);
    expect(found).toMatchObject({ reference: { kind: "golden", name: "mine.safetensors" }, inputs: { seed: null } });
  });

  test("that says something else fails the package", async () => {
    const found = await validatePackage(requestFor(made, { reference: await saved("other", (x) => x + 0.001) }));
    expect(found.verdict.status).toBe("failed");
  });

  test("whose inputs do not fit says nothing about the package", async () => {
    const found = await validatePackage(requestFor(made, { reference: await saved("long", (x) => x, 500) }));
    expect(found.verdict).toMatchObject({ status: "not-run", reason: expect.stringContaining("do not fit") });
    expect(found.diagnostics.map((d) => d.code)).toContain("input.shape");
  });
});

describe("half-precision range", () => {
  test("values above 32,000 are named, beyond 65,504 too, and no others", async () => {
    const half = await folder.write(
      "bert",
      "feature-extraction_relative_key",
      { precision: "float16" },
      scaled(WORST, 40_000),
    );
    const { sets } = inputSuite(half.plan, { vocabulary: 30 });
    const rows = await halfRange(half.path, sets, {}, inProcess);
    expect(rows[0]?.value).toContain("encoder_layer_1_output_dense");
    for (const { maxAbsolute } of rows) expect(maxAbsolute).toBeGreaterThan(32_000);
    const plain = await folder.write("bert", "feature-extraction_relative_key", { precision: "float16" });
    expect(await halfRange(plain.path, sets, {}, inProcess)).toEqual([]);
  });
});
