import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { differenceMarkdown } from "../../src/diff/markdown.ts";
import { differenceText } from "../../src/diff/text.ts";
import { diff } from "../../src/diff.ts";
import { runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("diff");
const full = "test/corpus/models/bert_flexible_ios16_fp32.mlpackage";
const half = "test/corpus/models/bert_flexible_ios17_fp16.mlpackage";

describe("diff", () => {
  test("prints text, JSON or Markdown", async () => {
    const difference = await diff(full, half);
    const text = await runCli(["diff", full, half]);
    expect(text).toEqual({ status: 0, stdout: differenceText(difference), stderr: "" });
    expect(JSON.parse((await runCli(["diff", full, half, "--json"])).stdout)).toEqual(
      JSON.parse(JSON.stringify(difference)),
    );
    const markdown = await runCli(["diff", "--markdown", "--limit", "4", full, half]);
    expect(markdown).toEqual({ status: 0, stdout: differenceMarkdown(difference, 4), stderr: "" });
    expect(markdown.stdout).toContain("and 35 more");
  });

  test("ends with 1 for packages that differ where that is asked for", async () => {
    expect((await runCli(["diff", "--exit-code", full, half])).status).toBe(1);
    expect((await runCli(["diff", "--exit-code", full, full])).status).toBe(0);
  });

  test("writes a report in the format of its name", async () => {
    const [json, md, txt] = ["json", "md", "txt"].map((extension) => join(scratch, `out.${extension}`)) as [
      string,
      string,
      string,
    ];
    await runCli(["diff", full, half, "--report", json]);
    expect(JSON.parse(readFileSync(json, "utf8")).schemaVersion).toBe(1);
    await runCli(["diff", full, half, "--report", md]);
    expect(readFileSync(md, "utf8")).toMatch(/^## .* same interface/);
    const { status, stderr } = await runCli(["diff", full, half, "--report", txt]);
    expect([status, existsSync(txt)]).toEqual([2, false]);
    expect(stderr).toContain("'.txt' is no format of a difference, expected one of .json, .md");
  });

  test("says which of the two it cannot read", async () => {
    const missing = join(scratch, "Missing.mlpackage");
    const { status, stdout, stderr } = await runCli(["diff", full, missing]);
    expect({ status, stdout, stderr }).toEqual({
      status: 3,
      stdout: "",
      stderr: `error: ${missing}: second package: no such package\n`,
    });
    expect((await runCli(["diff", full])).status).toBe(2);
    expect((await runCli(["diff", full, half, "--json", "--markdown"])).status).toBe(2);
  });
});
