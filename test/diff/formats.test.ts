import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import type { PackageDifference, WeightDifference } from "../../src/diff/difference.ts";
import { differenceMarkdown } from "../../src/diff/markdown.ts";
import { differenceText } from "../../src/diff/text.ts";
import { diff } from "../../src/diff.ts";
import type { Progress } from "../../src/progress.ts";
import { MAX_COMMENT } from "../../src/report/markdown-fit.ts";
import { readMessage, writeMessage } from "../coreml/files.ts";
import { packageOf, pathOf, stack, varied } from "./packages.ts";

/** A difference with more of everything than is shown, under names that are markup. */
async function large(name = "w", rows = 200): Promise<PackageDifference> {
  const a = await packageOf({ main: stack() });
  const found = await diff(a, await packageOf({ main: stack({ value: (l) => (i) => 2 * varied(l)(i) }) }));
  const [changed] = found.weights.changed as [WeightDifference];
  const form = { ...changed.a, name };
  return {
    ...found,
    weights: {
      ...found.weights,
      changed: Array.from({ length: rows }, () => ({ ...changed, a: form, b: form })),
      added: Array.from({ length: rows }, () => form),
      renamed: Array.from({ length: rows }, () => ({ a: name, b: `${name}2` })),
    },
    properties: Array.from({ length: rows }, () => ({ field: name, a: "old", b: "new" })),
  };
}

describe("as text", () => {
  test("the first line is the verdict, and each list is cut with what was left out", async () => {
    const difference = await large();
    const lines = differenceText(difference, 5).split("\n");
    expect(lines[0]).toBe(difference.verdict.summary);
    expect(lines.filter((l) => l.trim() === "and 195 more")).toHaveLength(4);
    expect(lines.filter((l) => l.startsWith("  w "))).toHaveLength(5);
    expect(lines).toContain("  ~ w old -> new");
    expect(lines.find((l) => l.startsWith("  w "))).toMatch(/^ {2}w +fp32 +fp32 +\S+ +1 +1 +256 of 256$/);
  });

  test("of identical packages is the verdict and where they are", async () => {
    const a = await packageOf({ main: stack() });
    expect(differenceText(await diff(a, a))).toBe(`identical\na  ${a}  iOS16\nb  ${a}  iOS16\n`);
  });

  test("holds no control characters of names", async () => {
    expect(differenceText(await large("evil\u001b[2Jname"))).not.toContain("\u001b");
  });
});

describe("as Markdown", () => {
  test("nothing of a name becomes markup", async () => {
    const text = differenceMarkdown(await large("<img src=x> @everyone | `x` [a](http://b) </details>"), 3);
    expect(text).not.toMatch(/<img|@everyone|\]\(|http:\/\/|`/);
    expect(text.match(/<\/details>/g)).toHaveLength(text.match(/<details>/g)?.length as number);
    for (const row of text.split("\n").filter((l) => l.startsWith("| ") && !l.startsWith("| ---"))) {
      expect(row.match(/(?<!\\)\|/g)).toHaveLength(
        /^\| file/.test(row) || row.includes("%") || row.includes("<code>all") ? 7 : 9,
      );
    }
  });

  test("lists are cut, and the whole fits into a comment", async () => {
    const difference = await large("n".repeat(300), 2000);
    const text = differenceMarkdown(difference, 2000);
    expect(text.length).toBeLessThanOrEqual(MAX_COMMENT + 1);
    expect(text).toContain("did not fit");
    expect(differenceMarkdown(await large(), 3)).toContain("and 197 more");
    expect(differenceMarkdown(difference, 2000, Number.POSITIVE_INFINITY).length).toBeGreaterThan(MAX_COMMENT);
  });
});

describe("what cannot be compared", () => {
  const refusal = async (a: string, b: string): Promise<ConversionError> => {
    try {
      await diff(a, b);
    } catch (cause) {
      if (cause instanceof ConversionError) return cause;
      throw cause;
    }
    throw new Error("compared");
  };

  test("is named, be it one or both", async () => {
    const good = await packageOf({ main: stack() });
    const missing = pathOf("missing.mlpackage");
    const folder = pathOf("folder");
    mkdirSync(folder);
    const one = await refusal(good, missing);
    expect([one.kind, one.diagnostics]).toEqual([
      "unreadable",
      [expect.objectContaining({ code: "package.missing", path: missing, message: "second package: no such package" })],
    ]);
    const both = await refusal(folder, missing);
    expect(both.diagnostics.map((d) => d.message)).toEqual([
      "first package: has no Manifest.json",
      "second package: no such package",
    ]);
  });

  test("is told what it is instead", async () => {
    const good = await packageOf({ main: stack() });
    const network = pathOf("network.mlpackage");
    cpSync(good, network, { recursive: true });
    const { mlProgram: _, ...message } = readMessage(network);
    writeMessage(network, { ...message, neuralNetwork: {} });
    const { kind, diagnostics } = await refusal(network, good);
    expect(kind).toBe("unsupported");
    expect(diagnostics[0]?.message).toBe("first package: is a NeuralNetwork, not an ML Program");
  });
});

describe("the work", () => {
  test("stops when it is told to, and says how far it is", async () => {
    const a = await packageOf({ main: stack() });
    const b = await packageOf({ main: stack({ value: (l) => varied(l + 10) }) });
    const reason = new Error("enough");
    await expect(diff(a, b, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const told: Progress[] = [];
    const onProgress = (p: Progress): void => {
      told.push(p);
      controller.abort(reason);
    };
    await expect(diff(a, b, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(told).toHaveLength(1);
    told.length = 0;
    await diff(a, b, { onProgress: (p) => told.push(p) });
    expect(told.at(-1)).toMatchObject({ phase: "compare", unit: "bytes", done: 8 * 1024, total: 8 * 1024 });
  });

  test("looks at every file", async () => {
    const a = await packageOf({ main: stack() });
    const b = pathOf("copy.mlpackage");
    cpSync(a, b, { recursive: true });
    const manifest = join(b, "Manifest.json");
    writeFileSync(manifest, `${readFileSync(manifest, "utf8")}\n`);
    expect((await diff(a, b)).verdict.status).toBe("identical");
    writeFileSync(join(b, "Data", "extra.txt"), "more");
    const { verdict, files } = await diff(a, b);
    expect(verdict).toEqual({
      status: "different",
      summary: "same interface, same operations, same weights, 1 other file differs",
    });
    expect(files).toContainEqual({ path: "Data/extra.txt", a: null, b: 4, identical: false });
  });
});
