import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import { htmlReport } from "../../src/report/html.ts";
import { junitReport } from "../../src/report/junit.ts";
import { markdownReport } from "../../src/report/markdown.ts";
import { code, escaped } from "../../src/report/markdown-cells.ts";
import { MAX_COMMENT } from "../../src/report/markdown-fit.ts";
import { makeReport } from "../../src/report/report.ts";
import { writeReport } from "../../src/report/write.ts";
import { badSet, environment, floats, goodSet, hiddenPlan, reportOf, setOf, validationOf } from "./reports.ts";

const failed = { status: "failed", executor: "onnxruntime", reason: "1 of 2 input sets (right-padded)" } as const;
const good = reportOf(hiddenPlan, validationOf([goodSet]));
const bad = reportOf(hiddenPlan, validationOf([goodSet, badSet], { verdict: failed }));
const notRun = reportOf(
  hiddenPlan,
  validationOf([], { verdict: { status: "not-run", executor: null, reason: "no reference" } }),
);

describe("Markdown", () => {
  test("starts with the verdict", () => {
    expect(markdownReport(good)).toMatch(/^## ✅ fixture\/bert: passed \\\(package run by ONNX Runtime\\\)\n/);
    expect(markdownReport(bad)).toMatch(/^## ❌ .*failed/);
    expect(markdownReport(notRun)).toMatch(/^## ⚪ .*not run: no reference/);
    expect(markdownReport(notRun)).not.toContain("✅");
  });

  test("lists failing rows first, in as many cells as the head has", () => {
    const lines = markdownReport(bad).split("\n");
    const head = lines.findIndex((l) => l.includes("input set") && l.includes("atol"));
    const rows = lines.slice(head + 2, head + 4);
    expect(rows[0]).toContain("❌");
    expect(rows[1]).toContain("✅");
    const cells = (line: string | undefined): number => (line ?? "").split(/(?<!\\)\|/).length;
    expect(rows.map(cells)).toEqual([cells(lines[head]), cells(lines[head])]);
  });

  test("folds the details", () => {
    const text = markdownReport(good);
    expect(text.match(/<details>/g)).toHaveLength(1);
    expect(text.match(/<\/details>/g)).toHaveLength(1);
  });

  test("someone else's text brings no markup", () => {
    const evil = "a|b\n</details><script>@octocat [x](http://e.vil) `c` ![i](u)";
    const set = setOf(hiddenPlan, evil, { [evil]: floats([1], [1]) }, { [evil]: floats([1], [2]) });
    const diagnostics = [{ code: "x", severity: "error", path: evil, message: evil }] as const;
    const text = markdownReport(
      reportOf(hiddenPlan, validationOf([set], { diagnostics, verdict: { ...failed, reason: evil } })),
    );
    expect(text).not.toMatch(/<script|@octocat|\]\(http|!\[i\]/);
    expect(text.match(/<\/details>/g)).toHaveLength(1);
    const row = text.split("\n").find((l) => l.startsWith("| ❌"));
    expect(row?.split(/(?<!\\)\|/)).toHaveLength(11);
  });

  test("stays within the limit of a comment, at a block's end, with a note", () => {
    const sets = Array.from({ length: 40 }, (_, i) =>
      setOf(hiddenPlan, `set ${i} ${"x".repeat(250)}`, { y: floats([1], [1]) }, { y: floats([1], [2]) }),
    );
    const validation = validationOf(sets, { verdict: failed });
    const size = { bytes: 1, weights: {} };
    const packages = Array.from({ length: 12 }, (_, i) => ({
      path: `Model${i}.mlpackage`,
      plan: hiddenPlan,
      size,
      validation,
    }));
    const report = makeReport(packages, { diagnostics: [], environment });
    const whole = markdownReport(report, Number.POSITIVE_INFINITY);
    expect(whole.length).toBeGreaterThan(MAX_COMMENT);
    const text = markdownReport(report);
    expect(text.length).toBeLessThanOrEqual(MAX_COMMENT);
    expect(text).toContain("did not fit");
    expect(text.startsWith("## ❌")).toBe(true);
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
    expect(whole).not.toContain("did not fit");
    expect(markdownReport(report, 200).length).toBeLessThanOrEqual(200);
  });

  test("escapes once, and keeps plain words readable", () => {
    expect(escaped("a_b * c <d> & e")).toBe("a\\_b \\* c &lt;d&gt; &amp; e");
    expect(code("a|b`<")).toBe("<code>a&#124;b&#96;&lt;</code>");
  });
});

describe("JUnit XML", () => {
  test("counts what it lists", () => {
    const xml = junitReport(bad);
    expect(xml).toContain('<testsuite name="Model.mlpackage" tests="3" failures="2" skipped="0">');
    expect(xml.match(/<testcase /g)).toHaveLength(3);
    expect(xml.match(/<failure /g)).toHaveLength(2);
  });

  test("a run that did not happen is skipped, not empty and green", () => {
    expect(junitReport(notRun)).toContain('tests="1" failures="0" skipped="1"');
  });

  test("holds no character XML does not allow", () => {
    const set = setOf(hiddenPlan, 'a"<&>\u0000\ud800', { y: floats([1], [1]) }, { y: floats([1], [1]) });
    const xml = junitReport(reportOf(hiddenPlan, validationOf([set])));
    expect(xml).toContain("a&quot;&lt;&amp;&gt;\ufffd\ufffd: y");
  });
});

describe("HTML", () => {
  test("needs nothing from elsewhere and runs nothing", () => {
    const set = setOf(hiddenPlan, "<script>alert(1)</script>", { y: floats([1], [1]) }, { y: floats([1], [1]) });
    const html = htmlReport(reportOf(hiddenPlan, validationOf([set])));
    expect(html).not.toMatch(/<script|src=|href=|url\(/);
    expect(html).toContain("&lt;script&gt;");
  });

  test("shows the verdict", () => {
    expect(htmlReport(bad)).toContain('<h1 class="failed">');
  });
});

describe("a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const written = (name: string): string => {
    writeReport(good, join(folder, name));
    return readFileSync(join(folder, name), "utf8");
  };

  test("has the format of its name", () => {
    expect(JSON.parse(written("a.json"))).toEqual(JSON.parse(JSON.stringify(good)));
    expect(written("a.md")).toMatch(/^## /);
    expect(written("a.HTML")).toMatch(/^<!doctype html>/);
    expect(written("a.xml")).toMatch(/^<\?xml /);
    expect(readdirSync(folder).sort()).toEqual(["a.HTML", "a.json", "a.md", "a.xml"]);
  });

  test.each(["a.pdf", "a", "a.constructor"])("named %s is refused", (name) => {
    expect(() => written(name)).toThrow(ConversionError);
  });

  test("that cannot be written is an error that says so", () => {
    expect(() => written("none/a.json")).toThrow(/cannot write the report/);
  });
});
