import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { type ConvertOptions, convert } from "../../src/convert.ts";
import { fail } from "../../src/diagnostics.ts";
import { junitReport } from "../../src/report/junit.ts";
import { validationLog } from "../../src/report/log.ts";
import type { PackageReport, Report } from "../../src/report/report.ts";
import { hostTensor } from "../../src/run/host-tensor.ts";
import { inputSuite } from "../../src/validate/input-suite.ts";
import { onnxModelNames, onnxReferenceFiles } from "../../src/validate/onnx/names.ts";
import { type OnnxRequest, onnxReference } from "../../src/validate/onnx/reference.ts";
import { verdictText } from "../../src/validate/verdict.ts";
import { buildFrom, modelFolders, type OnnxModel, onnxModel, onnxModels } from "./onnx-models.ts";

const folders = modelFolders();

async function converted(
  folder: string,
  { task }: Pick<OnnxModel, "task">,
  options: Partial<ConvertOptions> = {},
): Promise<Report & { readonly first: PackageReport["validation"] }> {
  const { report } = await convert(folder, { output: folders.output(), task, reference: "onnx", ...options });
  return { ...report, first: (report.packages[0] as PackageReport).validation };
}

const worstOf = ({ packages }: Report): number =>
  Math.max(
    ...packages.flatMap((p) => p.validation.sets.flatMap((s) => s.comparisons.map((c) => c.error?.maxAbsolute ?? 1))),
  );
const codesOf = ({ diagnostics }: PackageReport["validation"]): string[] =>
  diagnostics.map((d) => d.code).filter((code) => code.startsWith("reference."));

const classes = onnxModel("bert_text-classification");
const features = onnxModel("bert_feature-extraction");
const decoder = onnxModel("gpt2_text-generation");
const withoutPooler = onnxModel("bert_without-pooler");

describe("a file PyTorch made agrees with the package", () => {
  test.each(onnxModels.map((m) => [m.name, m] as const))("%s", async (_, model) => {
    const folder = folders.write(model);
    const report = await converted(folder, model);
    expect(report.verdict.status).toBe("passed");
    expect(worstOf(report)).toBeLessThan(1e-5);
    const { reference, sets } = report.first;
    expect(reference).toEqual({ kind: "onnx", name: "onnx/model.onnx" });
    expect(sets.length).toBeGreaterThanOrEqual(3);
    expect(JSON.stringify(report)).not.toContain(folder);
  });

  test("in half precision too", async () => {
    const report = await converted(folders.write(classes), classes, { precision: "float16" });
    expect(report.verdict.status).toBe("passed");
    expect(worstOf(report)).toBeGreaterThan(1e-6);
  });

  test("a decoder with its past, keys and values included", async () => {
    const report = await converted(folders.write(decoder), decoder, { usePast: true, sequenceLength: "1..4" });
    expect(report.verdict).toEqual({ status: "passed", executor: "onnxruntime" });
    expect(report.packages.map((p) => p.plan.part)).toEqual(["decode", "prefill"]);
    for (const { validation } of report.packages) {
      const outputs = new Set(validation.sets.flatMap((s) => s.comparisons.map((c) => c.output)));
      expect([...outputs].sort()).toEqual(["logits", "present_key_values_0_key", "present_key_values_0_value"]);
      expect(codesOf(validation)).toEqual([]);
    }
    expect(report.first.sets.map((s) => s.name)).toContain("masked-past");
    expect(worstOf(report)).toBeLessThan(1e-5);
  });
});

describe("what our own graph over the checkpoint cannot show", () => {
  const misread = { config: { hidden_act: "relu" } };
  const changed = {
    edit: (name: string, values: Float32Array) => {
      if (name === "classifier.bias") values[0] = (values[0] as number) + 0.5;
    },
  };
  test.each([
    ["an architecture read as another", misread],
    ["weights that are not those of the file", changed],
  ])("%s", async (_, options) => {
    const folder = folders.write(classes, options);
    const failed = await converted(folder, classes);
    expect(failed.verdict).toMatchObject({ status: "failed", reason: expect.stringContaining("input sets") });
    expect(worstOf(failed)).toBeGreaterThan(1e-3);
    expect((await converted(folder, classes, { reference: "checkpoint" })).verdict.status).toBe("passed");
  });
});

describe("a file of one length", () => {
  const fixed = onnxModel("bert_fixed");

  test("is compared at that length, and the report says so", async () => {
    const { verdict, first } = await converted(folders.write(fixed), fixed);
    expect(verdict.status).toBe("passed");
    expect(first.diagnostics).toContainEqual({
      code: "reference.onnx.length",
      severity: "warning",
      path: "onnx/model.onnx",
      message: "takes input_ids [1, 6] int64: no other length is compared",
    });
    expect(first.sets.map((s) => s.name)).toContain("length-6");
    expect(first.sets.map((s) => s.name)).not.toContain("length-1");
  });

  test("that the package does not take says nothing", async () => {
    const { verdict, first } = await converted(folders.write(fixed), fixed, { sequenceLength: "8..16" });
    expect(verdict).toMatchObject({
      status: "not-run",
      reason: expect.stringMatching(
        /^onnx\/model\.onnx: it takes none of the \d input sets: it takes input_ids \[1, 6\] int64$/,
      ),
    });
    expect(codesOf(first)).toEqual(["reference.onnx.unfit"]);
  });

  test("leaves out enumerated lengths that it does not take", async () => {
    const { verdict, first } = await converted(folders.write(fixed), fixed, { sequenceLength: "6,8" });
    expect(verdict.status).toBe("passed");
    expect(codesOf(first)).toEqual(["reference.onnx.length"]);
  });
});

describe("calls that a file cannot take are left out, and named", () => {
  /** A file without segments. */
  const request = (): OnnxRequest => {
    const checkpoint = openCheckpoint(folders.write(classes));
    const { plan, func } = buildFrom(checkpoint, { task: classes.task, tokenTypeIds: "on" });
    return {
      checkpoint,
      plan,
      func,
      suite: (shaped) => inputSuite(shaped, { vocabulary: 24, segments: 2 }),
      limits: {},
      acceptsNarrow: true,
    };
  };
  const signature = {
    inputs: ["input_ids", "attention_mask"].map((name) => ({ name, type: "int64", shape: [null, null] })),
    outputs: [{ name: "logits", type: "float32", shape: [null, 3] }],
    narrowTypes: [],
  };
  const logits = hostTensor("fp32", [1, 3], [1, 2, 3]);

  test("by an input that it lacks", async () => {
    const found = await onnxReference(request(), async () => ({
      signature,
      run: async () => ({ logits }),
      close: () => undefined,
    }));
    if (!("suite" in found)) throw new Error(found.reason);
    expect(found.suite.sets.map((s) => s.name)).not.toContain("non-zero-segments");
    expect(found.suite.diagnostics).toContainEqual({
      code: "reference.onnx.skipped",
      severity: "warning",
      path: "onnx/model.onnx",
      message: "1 input set is not compared (non-zero-segments): it takes no token_type_ids",
    });
  });

  test("by what ONNX Runtime says of them", async () => {
    const found = await onnxReference(request(), async () => ({
      signature,
      run: async ({ input_ids }) =>
        input_ids?.shape[1] === 1 ? fail("validation", "reference.onnx.run", "cannot reshape") : { logits },
      close: () => undefined,
    }));
    if (!("suite" in found)) throw new Error(found.reason);
    const [skipped] = found.suite.diagnostics.filter((d) => d.message.endsWith("cannot reshape"));
    expect(skipped?.message).toBe("1 input set is not compared (length-1): cannot reshape");
  });

  test("but the death of the process is not one of them", async () => {
    let closed = 0;
    const found = await onnxReference(request(), async () => ({
      signature,
      run: async () => fail("validation", "run.crash", "the process that ran it ended (SIGSEGV)"),
      close: () => void closed++,
    }));
    expect(found).toMatchObject({ reason: "onnx/model.onnx: the process that ran it ended (SIGSEGV)" });
    expect(closed).toBe(1);
  });

  test("weights of fewer bits are no reference unless asked for", async () => {
    const narrow = { ...signature, narrowTypes: ["float16"] };
    const execute = async () => ({ signature: narrow, run: async () => ({ logits }), close: () => undefined });
    const found = await onnxReference(request(), execute);
    if (!("suite" in found)) throw new Error(found.reason);
    expect(found.suite.diagnostics.map((d) => d.code)).toContain("reference.onnx.precision");
    expect(await onnxReference({ ...request(), acceptsNarrow: false }, execute)).toMatchObject({
      reason: "onnx/model.onnx: stores weights as float16, which is no reference for float32",
    });
  });
});

describe("an output that the file does not give", () => {
  test("is not compared, and every format says so", async () => {
    const report = await converted(folders.write(withoutPooler), withoutPooler);
    expect(report.verdict).toEqual({ status: "passed", executor: "onnxruntime", notCompared: ["pooler_output"] });
    expect(verdictText(report.verdict)).toBe("passed (package run by ONNX Runtime), not compared: pooler_output");
    expect(new Set(report.first.sets.flatMap((s) => s.comparisons.map((c) => c.output)))).toEqual(
      new Set(["last_hidden_state"]),
    );
    const log = validationLog(report.first, { savedAt: "exported/Model.mlpackage" });
    expect(log.at(-1)).toBe(
      "Passed (package run by ONNX Runtime), not compared: pooler_output, model saved at: exported/Model.mlpackage",
    );
    expect(log).toContain(
      "\t- reference: onnx (onnx/model.onnx, the repository's own file: this program had no part in it)",
    );
    expect(junitReport(report)).toContain(
      'name="pooler_output"><skipped message="the reference has no such output"/></testcase>',
    );
  });

  test("is compared where another file of the folder gives it", async () => {
    const files = { "onnx/model.onnx": withoutPooler.name, "model.onnx": features.name };
    const { verdict, first } = await converted(folders.write(features, { files }), features);
    expect(first.reference.name).toBe("model.onnx");
    expect(verdict).toEqual({ status: "passed", executor: "onnxruntime" });
  });
});

describe("which file", () => {
  test.each([
    ["model.onnx", features],
    ["onnx/decoder_model_merged.onnx", decoder],
    ["decoder_model.onnx", decoder],
  ])("%s", async (at, model) => {
    const { verdict, first } = await converted(folders.write(model, { files: { [at]: model.name } }), model);
    expect(first.reference.name).toBe(at);
    expect(verdict.status).toBe("passed");
  });

  test("every file that may be needed can be told beforehand", () => {
    const plan = { task: "fill-mask", part: "model" } as const;
    expect(onnxReferenceFiles(plan)).toEqual(
      onnxModelNames(plan).map((name) => [name, `${name}_data`, `${name}.data`]),
    );
    expect(onnxModelNames({ task: "fill-mask", part: "model" })).toEqual(["onnx/model.onnx", "model.onnx"]);
  });
});

describe("without a file that fits", () => {
  const ofOtherHead = { files: { "onnx/model.onnx": features.name } };

  test("asked for, it is not run", async () => {
    const absent = await converted(folders.write(classes, { files: {} }), classes);
    expect(absent.verdict).toEqual({
      status: "not-run",
      executor: null,
      reason: "there is no ONNX file in the checkpoint's folder (sought onnx/model.onnx, model.onnx)",
    });
    const other = await converted(folders.write(classes, ofOtherHead), classes);
    expect(other.verdict).toMatchObject({
      status: "not-run",
      reason:
        "onnx/model.onnx: it gives last_hidden_state [?, ?, 8] float32, pooler_output [?, 8] float32, expected logits [1, 3] for text-classification",
    });
    expect(codesOf(other.first)).toEqual(["reference.onnx.unfit"]);
  });

  test("by default the checkpoint is compared with, and why not the file is said", async () => {
    const { verdict, first } = await converted(folders.write(classes, ofOtherHead), classes, { reference: "auto" });
    expect(verdict.status).toBe("passed");
    expect(first.reference.kind).toBe("checkpoint");
    expect(first.diagnostics).toContainEqual(
      expect.objectContaining({
        code: "reference.onnx.unfit",
        severity: "note",
        path: "onnx/model.onnx",
        message: expect.stringMatching(/^was not taken as the reference: it gives last_hidden_state/),
      }),
    );
    const { first: silent } = await converted(folders.write(classes, { files: {} }), classes, { reference: "auto" });
    expect(silent.reference.kind).toBe("checkpoint");
    expect(codesOf(silent)).toEqual([]);
  });

  test("by default it is taken where it fits", async () => {
    const { first } = await converted(folders.write(classes), classes, { reference: "auto" });
    expect(first.reference.kind).toBe("onnx");
  });

  test("a pointer to a file that was never fetched is no file", async () => {
    const folder = folders.write(classes);
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 438000000\n";
    writeFileSync(join(folder, "onnx", "model.onnx"), pointer);
    const { verdict, first } = await converted(folder, classes);
    expect(verdict).toMatchObject({ status: "not-run", reason: expect.stringContaining("Git LFS") });
    expect(codesOf(first)).toEqual(["reference.onnx.malformed"]);
    const byDefault = await converted(folder, classes, { reference: "auto" });
    expect(byDefault.first.reference.kind).toBe("checkpoint");
  });

  test("a stop is a stop, not a verdict", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(converted(folders.write(classes), classes, { signal })).rejects.toBe(reason);
  });
});
