import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("convert");
const vit = "examples/digits-vit/model";
const language = "examples/language-id/model";
const inScratch = (name: string): string => join(scratch, name);

describe("convert", () => {
  test("writes a package that passes, says what ran it, and refuses to replace it unasked", async () => {
    const output = inScratch("passes");
    const args = ["-m", vit, "--feature", "auto", output];
    const { status, stdout, stderr } = await runCli(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^Validating Core ML model with ONNX Runtime/);
    expect(stdout.trimEnd()).toMatch(
      new RegExp(`Passed \\(package run by ONNX Runtime\\), model saved at: ${output}/Model.mlpackage$`),
    );
    expect(readdirSync(output)).toEqual(["Model.mlpackage"]);
    const again = await runCli(args);
    expect(again.stderr).toBe(
      `error: ${output}/Model.mlpackage: already exists\nhint: pass --overwrite to replace it\n`,
    );
    expect(again.status).toBe(2);
    expect((await runCli([...args, "--overwrite"])).status).toBe(0);
  });

  test("takes the flags of the 2023 exporter as they were", async () => {
    const output = inScratch("older");
    const { status, stdout, stderr } = await runCli([
      `--model=${language}`,
      "--feature=sequence-classification",
      "--quantize=float16",
      "--compute_units=cpu_only",
      "--preprocessor=tokenizer",
      "--framework=pt",
      "--sequence_length=16",
      "--json",
      output,
    ]);
    expect(status).toBe(0);
    const { verdict, packages } = JSON.parse(stdout);
    expect(verdict).toEqual({ status: "passed", executor: "onnxruntime" });
    expect(packages[0].plan).toMatchObject({
      task: "text-classification",
      precision: "float16",
      computeUnits: "cpu_only",
    });
    expect(packages[0].plan.inputs[0].shape).toEqual([1, 16]);
    expect(stderr).toBe("");
  });

  test("ends with 1 when the package fails, which then is not at the output unless it was asked for", async () => {
    const args = ["-m", language, "--task", "auto", "--precision", "float16", "--atol", "1e-9"];
    const failed = await runCli([...args, inScratch("fails")]);
    expect(failed.status).toBe(1);
    expect(failed.stdout).toMatch(/Validation failed: .*, the model was not saved\n$/);
    expect(existsSync(inScratch("fails"))).toBe(false);
    const kept = await runCli([...args, "--keep-failed", inScratch("kept")]);
    expect(kept.status).toBe(1);
    expect(readdirSync(inScratch("kept"))).toEqual(["Model.mlpackage"]);
  });

  test("ends with 1 when validation cannot run, with 0 when nobody asked for it", async () => {
    const coreml = await runCli(["-m", vit, "--task", "auto", "--executor", "coreml", inScratch("coreml")]);
    expect(coreml.stdout).toContain("Not validated: Core ML is not available on");
    expect(coreml.status).toBe(1);
    const unasked = await runCli(["-m", vit, "--task", "auto", "--no-validate", inScratch("unasked")]);
    expect(unasked.stdout).toContain("Not validated: validation was switched off, model saved at:");
    expect(unasked.status).toBe(0);
  });

  test("ends with 3 when the model cannot be read", async () => {
    const folder = inScratch("broken");
    mkdirSync(folder);
    writeFileSync(join(folder, "config.json"), "{}");
    const { status, stderr } = await runCli(["-m", folder, inScratch("unread")]);
    expect(stderr).toMatch(/^error: .*no model.safetensors/);
    expect(status).toBe(3);
    const missing = await runCli(["-m", "./nowhere", "--json", inScratch("unread")]);
    expect(missing.status).toBe(3);
    expect(JSON.parse(missing.stdout).error.kind).toBe("unreadable");
  });

  test("writes reports in the formats of their names", async () => {
    const report = inScratch("report.xml");
    const { status } = await runCli(["-m", vit, "--task", "auto", "--report", report, inScratch("reported")]);
    expect(status).toBe(0);
    expect(readFileSync(report, "utf8")).toContain("<testsuites");
  });

  test("warns about an option without effect", async () => {
    const args = ["-m", vit, "--task", "auto", "--no-validate", "--revision", "main", inScratch("revision")];
    const { status, stderr } = await runCli(args);
    expect(stderr).toBe(`warning: --revision: has no effect: '${vit}' is a local folder\n`);
    expect(status).toBe(0);
  });
});

describe("an output that cannot be written ends with 4", () => {
  test("a folder below a file", async () => {
    const file = inScratch("file");
    writeFileSync(file, "");
    const { status, stderr } = await runCli(["-m", vit, "--task", "auto", join(file, "sub")]);
    expect(stderr).toMatch(
      /^error: .*file\/sub: cannot write: a part of the path is a file, expected a folder \(ENOTDIR\)\n$/,
    );
    expect(status).toBe(4);
  });

  test("a read-only folder", async () => {
    const folder = inScratch("read-only");
    mkdirSync(folder, { mode: 0o555 });
    chmodSync(scratch, 0o755);
    // Permissions do not hold the superuser, who becomes nobody for this test.
    const user = process.getuid?.() === 0 ? { user: 65534 } : {};
    const { status, stdout, stderr } = await runCli(["-m", vit, "--task", "auto", "--json", folder], user);
    expect(JSON.parse(stdout).error).toMatchObject({ kind: "output", diagnostics: [{ code: "file.write" }] });
    expect(JSON.parse(stdout).error.diagnostics[0].message).toBe("cannot write: there is no permission (EACCES)");
    expect({ status, stderr }).toEqual({ status: 4, stderr: "" });
    expect(existsSync(join(folder, "Model.mlpackage"))).toBe(false);
  });
});
