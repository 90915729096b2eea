import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openTokenizer } from "../../src/validate/tokenizer.ts";

const folder = mkdtempSync(join(tmpdir(), "tokenizer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A word-level BERT-like tokenizer. */
const wordPiece = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: ["[UNK]", "[CLS]", "[SEP]"].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: {
    type: "TemplateProcessing",
    single: [
      { SpecialToken: { id: "[CLS]", type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "[SEP]", type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: "[CLS]", type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "[SEP]", type_id: 0 } },
      { Sequence: { id: "B", type_id: 1 } },
      { SpecialToken: { id: "[SEP]", type_id: 1 } },
    ],
    special_tokens: {
      "[CLS]": { id: "[CLS]", ids: [1], tokens: ["[CLS]"] },
      "[SEP]": { id: "[SEP]", ids: [2], tokens: ["[SEP]"] },
    },
  },
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, hello: 3, wor: 4, "##ld": 5, "!": 6 },
  },
};

function opened(files: Record<string, string>) {
  const present = new Map(
    Object.entries(files).map(([name, text], i) => {
      const path = join(folder, `${i}-${Math.random()}-${name}`);
      writeFileSync(path, text);
      return [name, path];
    }),
  );
  return openTokenizer((name) => present.get(name));
}

const config = JSON.stringify({ tokenizer_class: "BertTokenizer" });

test("encodes a text and a pair as the file says", () => {
  const { tokenizer, diagnostics } = opened({
    "tokenizer.json": JSON.stringify(wordPiece),
    "tokenizer_config.json": config,
  });
  expect(diagnostics).toEqual([]);
  expect(tokenizer?.encode("Hello WORLD!")).toEqual({ ids: [1, 3, 4, 5, 6, 2], segments: [0, 0, 0, 0, 0, 0] });
  expect(tokenizer?.encode("hello", "world")).toEqual({ ids: [1, 3, 2, 4, 5, 2], segments: [0, 0, 0, 1, 1, 1] });
});

test("a folder without one has none, and nothing to say about it", () => {
  expect(opened({ "tokenizer_config.json": config })).toEqual({ diagnostics: [] });
});

describe("a broken one is a warning", () => {
  test.each([
    ["no JSON", "{"],
    ["no object", "[1]"],
    ["no model", "{}"],
    ["a model nobody knows", JSON.stringify({ ...wordPiece, model: { type: "Mystery", vocab: {} } })],
    [
      "a token that is no text and says it is long",
      JSON.stringify({ ...wordPiece, added_tokens: [{ ...wordPiece.added_tokens[0], content: { length: 1e9 } }] }),
    ],
    [
      "pieces of no length",
      JSON.stringify({
        ...wordPiece,
        pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "FixedLength", length: 0 }] },
      }),
    ],
    ["a step nobody knows", JSON.stringify({ ...wordPiece, pre_tokenizer: { type: "Mystery" } })],
  ])("%s", (_, text) => {
    const { tokenizer, diagnostics } = opened({ "tokenizer.json": text, "tokenizer_config.json": config });
    expect(tokenizer).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: "tokenizer.unusable", severity: "warning", path: "tokenizer.json" }]);
    expect(diagnostics[0]?.message).not.toContain(folder);
  });

  test("ids that are none", () => {
    const vocab = { ...wordPiece.model.vocab, wor: -4 };
    const { tokenizer, diagnostics } = opened({
      "tokenizer.json": JSON.stringify({ ...wordPiece, model: { ...wordPiece.model, vocab } }),
    });
    expect(tokenizer).toBeUndefined();
    expect(diagnostics[0]?.message).toContain("-4");
  });

  test("a broken configuration beside it", () => {
    const { tokenizer, diagnostics } = opened({
      "tokenizer.json": JSON.stringify(wordPiece),
      "tokenizer_config.json": "nonsense",
    });
    expect(tokenizer).toBeUndefined();
    expect(diagnostics[0]?.code).toBe("tokenizer.unusable");
  });
});

test("an expression that takes for ever is stopped", { timeout: 20_000 }, () => {
  const pre_tokenizer = { type: "Split", pattern: { Regex: "((.+)+)+\u0001" }, behavior: "Isolated", invert: false };
  const { tokenizer } = opened({ "tokenizer.json": JSON.stringify({ ...wordPiece, pre_tokenizer }) });
  expect(() => tokenizer?.encode("The model runs on the device: nothing leaves it.")).toThrow("timed out");
});
