import { cpSync, existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Conversion, convert } from "../../src/convert.ts";
import { validate } from "../../src/validate-package.ts";
import { runCli } from "../shells/run-cli.ts";
import { scratchFolder } from "../shells/scratch.ts";
import { packagePath, rewritten, withoutOps, writeCheckpoint } from "./packages.ts";

const scratch = scratchFolder("validate-own");
const gpt2 = writeCheckpoint("gpt2_causal-lm", join(scratch, "gpt2"));
const bert = writeCheckpoint("bert_masked-lm", join(scratch, "bert"));

describe("a conversion of ours", () => {
  let conversion: Conversion;
  beforeAll(async () => {
    const options = { task: "text-generation", usePast: true, validate: false } as const;
    conversion = await convert(gpt2, { ...options, output: join(scratch, "past") });
  });

  test("passes later as it did when it was made, each package of it", async () => {
    const { verdict, packages } = await validate(conversion, { model: gpt2 });
    expect(verdict.status, JSON.stringify(packages, null, 1)).toBe("passed");
    expect(packages.map((p) => p.plan.part)).toEqual(["decode", "prefill"]);
    for (const [i, { plan }] of conversion.packages.entries()) {
      const { about: _, ...own } = plan;
      expect(packages[i]?.plan).toMatchObject({ ...own, lengths: expect.anything() });
      expect(Object.keys(packages[i]?.plan.lengths ?? {})).toEqual(Object.keys(plan.lengths));
    }
  });

  test("passes without its metadata", async () => {
    const [decode] = conversion.packages;
    const path = join(scratch, "bare.mlpackage");
    await rewritten(decode?.path ?? "", path, { metadata: { "coreml-export.plan": "lost" } });
    const { verdict, packages } = await validate(path, { model: gpt2 });
    expect(verdict.status).toBe("passed");
    expect(packages[0]?.plan.part).toBe("decode");
  });

  test("leaves nothing behind", () => {
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(`coreml-export-validate-${process.pid}-`))).toEqual(
      [],
    );
  });
});

test("a conversion of which nothing was kept is refused", async () => {
  const nothing = { packages: [], report: {}, diagnostics: [] } as unknown as Conversion;
  await expect(validate(nothing, { model: bert })).rejects.toMatchObject({ kind: "usage" });
});

test("a plan that promises a softmax the graph lost fails", async () => {
  const output = join(scratch, "masked");
  await convert(bert, { output, task: "fill-mask", sequenceLength: 12, validate: false });
  const path = join(scratch, "lost.mlpackage");
  await rewritten(join(output, "Model.mlpackage"), path, { func: withoutOps("softmax") });
  expect((await validate(path, { model: bert })).verdict.status).toBe("failed");
});

describe("the command", () => {
  test("says what was compared and passes with status 0", async () => {
    const path = packagePath("bert_masked-lm");
    const { status, stdout, stderr } = await runCli(["validate", path, "--model", bert]);
    expect(stdout).toContain('Validating Core ML model output "token_scores"');
    expect(stdout).toContain("Passed (package run by ONNX Runtime)");
    expect(stderr).toContain("compared as fill-mask, by co.huggingface.exporters.task");
    expect(status).toBe(0);
  });

  test("fails with status 1, and writes a report without local paths", async () => {
    const path = join(scratch, "nan.mlpackage");
    cpSync(packagePath("bert_masked-lm_fp16_nan"), path, { recursive: true });
    const { status, stdout } = await runCli([
      "validate",
      path,
      "-m",
      bert,
      "--json",
      "--report",
      join(scratch, "r.md"),
    ]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout).verdict.status).toBe("failed");
    expect(stdout).not.toContain(scratch);
    expect(existsSync(join(scratch, "r.md"))).toBe(true);
  });

  test.each([
    ["no model", ["validate", packagePath("bert_masked-lm")], 2, "--model: no model is given"],
    ["no such task", ["validate", packagePath("bert_masked-lm"), "-m", bert, "--feature", "magic"], 2, "is no task"],
    ["no such package", ["validate", "nowhere.mlpackage", "-m", bert], 3, "no such package"],
    ["another model", ["validate", packagePath("vit_image-classification"), "-m", bert], 1, "--feature"],
  ])("refuses: %s", async (_, args, status, message) => {
    const finished = await runCli(args);
    expect(finished.stderr).toContain(message);
    expect(finished.status).toBe(status);
  });
});
