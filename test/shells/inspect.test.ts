import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { print } from "../../src/mil/print.ts";
import { runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("inspect");

const image = "test/corpus/models/image_rgb_ios17_fp16.mlpackage";
const functions = "test/corpus/models/functions_ios18_fp32.mlpackage";
const states = "test/corpus/write_state/key_cache_ios18_fp16.mlpackage";
const model = "examples/digits-vit/model";

describe("inspect", () => {
  test("tells what a package takes, gives and holds", async () => {
    const { status, stdout, stderr } = await runCli(["inspect", image]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^target +iOS17 \(specification version 8\)$/m);
    expect(stdout).toMatch(/^ {2}input +\S+ +(RGB|BGR) image, height x width \[\d+, \d+\]$/m);
    expect(stdout).toMatch(/^ {2}output +\S+ +probabilities by label \(string\)$/m);
    expect(stdout).toMatch(/^ {2}op +conv +\d+$/m);
  });

  test("tells states, and functions with the default one", async () => {
    expect((await runCli(["inspect", states])).stdout).toMatch(/^ {2}state +\S+ +fp16 \[[\d, ]+\]$/m);
    const { stdout } = await runCli(["inspect", functions]);
    expect(stdout.match(/^function \w+/gm)).toHaveLength(2);
    expect(stdout.match(/\(default\)$/gm)).toHaveLength(1);
  });

  test("prints the program", async () => {
    using opened = readPackage(functions, ops);
    expect(await runCli(["inspect", functions, "--mil"])).toEqual({
      status: 0,
      stdout: print(opened.program),
      stderr: "",
    });
  });

  test("gives JSON", async () => {
    const found = JSON.parse((await runCli(["inspect", image, "--json"])).stdout);
    expect(found).toMatchObject({ kind: "package", target: "iOS17", defaultFunction: "main", specificationVersion: 8 });
    expect(found.functions[0].ops.conv).toBeGreaterThan(0);
    const checkpoint = JSON.parse((await runCli(["inspect", model, "--json"])).stdout);
    expect(checkpoint).toMatchObject({
      kind: "checkpoint",
      modelType: "vit",
      architectures: ["ViTForImageClassification"],
    });
    expect(checkpoint.bytes).toBe(4 * checkpoint.parameters);
  });

  test("tells the tasks of a checkpoint", async () => {
    const { stdout } = await runCli(["inspect", model]);
    expect(stdout).toMatch(/^tasks +.*image-classification/m);
    expect(stdout).toMatch(/^weights fp32 +\d+ tensors, /m);
  });

  test("ends with 3 for what is neither", async () => {
    const { status, stderr } = await runCli(["inspect", "src"]);
    expect(stderr).toContain("error: src: holds no Manifest.json and no config.json\nhint: expected a .mlpackage");
    expect(status).toBe(3);
  });

  test("ends with 3 for a package that the system does not let it read", async () => {
    const folder = join(scratch, "Closed.mlpackage");
    mkdirSync(join(folder, "Manifest.json"), { recursive: true });
    const { status, stderr } = await runCli(["inspect", folder]);
    expect(stderr).toMatch(/^error: .*Manifest.json/);
    expect(status).toBe(3);
  });
});

describe("list", () => {
  test("is a table of tasks and architectures", async () => {
    const { status, stdout } = await runCli(["list"]);
    expect(status).toBe(0);
    const [head = "", ...rows] = stdout.trimEnd().split("\n");
    const at = head.split(/ +/).indexOf("vit");
    const cell = (task: string): string | undefined => rows.find((r) => r.startsWith(`${task} `))?.split(/ +/)[at];
    expect([cell("image-classification"), cell("fill-mask")]).toEqual(["yes", "-"]);
  });

  test("is JSON when that is asked for", async () => {
    const { architectures } = JSON.parse((await runCli(["list", "--json"])).stdout);
    const bert = architectures.find((a: { modelType: string }) => a.modelType === "bert");
    expect(bert.tasks).toContain("fill-mask");
  });
});
