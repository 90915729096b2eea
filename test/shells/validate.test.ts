import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("validate");
const model = "examples/digits-vit/model";

test("a package that is there is compared, and nothing is said to be saved", async () => {
  expect((await runCli(["-m", model, "--task", "auto", "--no-validate", scratch])).status).toBe(0);
  const path = join(scratch, "Model.mlpackage");
  const { status, stdout } = await runCli(["validate", path, "--model", model]);
  expect(stdout.trimEnd().split("\n").at(-1)).toBe(`Passed (package run by ONNX Runtime), package: ${path}`);
  expect(status).toBe(0);
});
