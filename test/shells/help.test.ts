import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { flagOf, type Option, options } from "../../src/options.ts";
import { VERSION } from "../../src/version.ts";
import { runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("help");

describe("help", () => {
  test("tells the flags of the default command, the commands, examples and exit statuses", async () => {
    const { status, stdout, stderr } = await runCli(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const text of ["--sequence-length <length>", "  predict ", "Examples:", "Exit status:", "130, 143"]) {
      expect(stdout).toContain(text);
    }
  });

  test.each(Object.keys(options) as (keyof typeof options)[])(
    "of %s tells every flag with its default",
    async (name) => {
      const { status, stdout } = await runCli([name, "--help"]);
      expect(status).toBe(0);
      const text = stdout.replace(/\s+/g, " ");
      for (const [key, option] of Object.entries(options[name]) as [string, Option][]) {
        if (option.operand || option.flagless) continue;
        expect(text).toContain(`--${flagOf(key, option)}`);
        if (option.type.placeholder && option.default !== undefined)
          expect(text).toContain(`[default: ${option.default}]`);
      }
    },
  );

  test("of the flags that the contract names", async () => {
    const { stdout } = await runCli(["--help"]);
    const contract =
      "model feature atol use-past framework quantize compute-units preprocessor sequence-length image-size " +
      "token-type-ids no-attention-mask target no-validate reference executor keep-failed overwrite name config " +
      "revision cache-dir offline json report choices no-prefill empty-past hash-weights";
    for (const flag of contract.split(" ")) expect(stdout).toMatch(new RegExp(`--${flag}\\b`));
  });

  test("loads none of the code that converts", async () => {
    await runCli(["--help"], { env: { NODE_V8_COVERAGE: scratch } });
    const [file] = readdirSync(scratch);
    const { result } = JSON.parse(readFileSync(join(scratch, file as string), "utf8")) as { result: { url: string }[] };
    const loaded = result.flatMap(({ url }) => /\/dist\/(.+)$/.exec(url)?.[1] ?? []);
    const light =
      /^(shells\/(cli|command|exit-status|failure|flags|interruption|program|system-error)|options|plan|version|diagnostics|planning\/option-types|nn\/nearest)\.js$/;
    expect(loaded).toContain("options.js");
    expect(loaded.filter((url) => !light.test(url))).toEqual([]);
    expect(result.filter(({ url }) => /onnxruntime|protobufjs|tokenizers/.test(url))).toEqual([]);
  });

  test("is shown, as wrong usage, when nothing is asked for", async () => {
    const { status, stdout, stderr } = await runCli([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: coreml-export -m <id or folder> [options] <output>");
  });

  test("is without colours where they are not wanted, with them where they are forced", async () => {
    expect((await runCli(["--help"])).stdout).not.toContain("\u001b[");
    const forced = await runCli(["--help"], { env: { NO_COLOR: "", FORCE_COLOR: "1" } });
    expect(forced.stdout).toContain("\u001b[1m");
  });
});

test("the version is that of the package", async () => {
  expect(await runCli(["--version"])).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: "" });
  expect(JSON.parse(readFileSync("package.json", "utf8")).version).toBe(VERSION);
});
