import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readModelCard } from "../../src/checkpoint/model-card.ts";

const folder = mkdtempSync(join(tmpdir(), "card-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cardOf(text: string): ReturnType<typeof readModelCard> {
  const path = join(folder, "README.md");
  writeFileSync(path, text);
  return readModelCard(path);
}

test.each([
  ["---\nlicense: apache-2.0\nversion: 2\n---\n# Model", { license: "apache-2.0", version: "2" }],
  ["---\r\nlicense: mit\r\n---\r\n", { license: "mit" }],
  ["---\nlicense:\n- mit\n- apache-2.0\n---\n", { license: "mit, apache-2.0" }],
  ["---\nlicense: other\nlicense_name: my-own\n---\n", { license: "my-own" }],
  ["# No front matter\n---\nlicense: mit\n---\n", {}],
  ["---\n---\n", {}],
  ["", {}],
])("%j", (text, card) => {
  expect(cardOf(text)).toEqual({ card, diagnostics: [] });
});

test("no file", () => {
  expect(readModelCard(undefined)).toEqual({ card: {}, diagnostics: [] });
});

test.each(["---\nlicense: [\n---\n", "---\na: &a [1]\nb: [*a, *a]\n---\n"])("%j is a warning, no error", (text) => {
  const { card, diagnostics } = cardOf(text);
  expect(card).toEqual({});
  expect(diagnostics).toMatchObject([{ code: "card.invalid", severity: "warning" }]);
});
