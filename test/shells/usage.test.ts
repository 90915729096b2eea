import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("usage");
const output = join(scratch, "out");
const vit = "examples/digits-vit/model";

describe("wrong usage ends with 2 and a hint", () => {
  test.each([
    [["-m", vit, "--sequence-lenght", "3", output], "error: unknown option '--sequence-lenght'", "--sequence-length?"],
    [["inspct", vit], "error: 'inspct' is no command", "inspect?"],
    [
      ["-m", vit, "--feature", "image-clasification", output],
      "'image-clasification' is no task",
      "'image-classification'?",
    ],
    [["-m", vit, "--target", "ios71", output], "'--target <target>' argument 'ios71' is invalid", "ios1"],
    [
      ["-m", vit, "--atol", "small", output],
      "'--atol <N>' argument 'small' is invalid. Expected a number above 0.",
      "",
    ],
    [["-m", vit, "--atol", "-1", output], "'-1' is invalid. Expected a number above 0.", ""],
    [["-m", vit], "error: no output folder is given", "-m <id or folder>"],
    [[output], "error: no model is given", "-m <id or folder>"],
    [["-m", vit, output, "more"], "one output folder is expected", ""],
    [
      ["-m", vit, "--framework", "tf", output],
      "error: --framework: TensorFlow weights are not supported",
      "safetensors",
    ],
    [["-m", vit, "--report", "report.pdf", output], "'.pdf' is no format of a report", ""],
    [["predict", "x.mlpackage"], "error: --inputs: no safetensors file is given", "predict --help"],
    [["inspect", "--mil", "--json", "x"], "the text of a program is no JSON", ""],
    [["list", "more"], "too many arguments", ""],
  ])("%j", async (args, message, hint) => {
    const { status, stdout, stderr } = await runCli(args);
    const error = args.includes("--json") ? stdout : stderr;
    expect(error).toContain(message);
    expect(error).toContain(hint);
    expect(status).toBe(2);
    expect(existsSync(output)).toBe(false);
  });

  test("as JSON on stdout when that is asked for", async () => {
    const { status, stdout, stderr } = await runCli(["-m", vit, "--over-write", "--json", output]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        kind: "usage",
        diagnostics: [
          {
            code: "cli.unknownOption",
            severity: "error",
            message: "unknown option '--over-write'",
            hint: "did you mean --overwrite?",
          },
        ],
      },
    });
  });
});

describe("a configuration file", () => {
  function config(json: unknown): string {
    const path = join(scratch, "config.json");
    writeFileSync(path, typeof json === "string" ? json : JSON.stringify(json));
    return path;
  }

  test("lists every key it does not know and every value that does not fit", async () => {
    const path = config({
      sequenceLenght: 32,
      target: "iOS71",
      inputs: { image: { nam: "x" } },
      atol: "1",
      precision: "float16",
    });
    const { status, stderr } = await runCli(["-m", vit, "--config", path, output]);
    expect(status).toBe(2);
    expect(stderr).toContain(`${path}: there is no option "sequenceLenght"\nhint: did you mean "sequenceLength"?`);
    expect(stderr).toContain(`"target" is "iOS71", expected ios15, ios16, ios17, ios18, ios26`);
    expect(stderr).toContain(`"inputs" is {"image":{"nam":"x"}}, expected an object from names to null or`);
    expect(stderr).toContain(`"atol" is "1", expected a number above 0`);
    expect(stderr.match(/^error:/gm)).toHaveLength(4);
  });

  test("that is no JSON, or not there, is named", async () => {
    const broken = await runCli(["-m", vit, "--config", config("{"), output]);
    expect(broken.stderr).toContain("config.json: is no JSON");
    const missing = await runCli(["-m", vit, "--config", join(scratch, "none.json"), output]);
    expect(missing.stderr).toContain("none.json: cannot be read: ENOENT");
    expect([broken.status, missing.status]).toEqual([2, 2]);
  });

  test("gives the options, and flags count more", async () => {
    const settings = {
      model: vit,
      output,
      task: "image-classification",
      name: "Digits",
      precision: "float16",
      validate: false,
      inputs: { image: { name: "picture" } },
    };
    const { status, stdout } = await runCli(["--config", config(settings), "--quantize", "float32", "--json"]);
    expect(status).toBe(0);
    const { packages } = JSON.parse(stdout);
    expect(packages[0]).toMatchObject({
      name: "Digits.mlpackage",
      plan: { precision: "float32", task: "image-classification" },
    });
    expect(packages[0].plan.inputs[0].name).toBe("picture");
  });
});
