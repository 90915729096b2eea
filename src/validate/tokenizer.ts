import { Tokenizer } from "@huggingface/tokenizers";
import { readJsonObject } from "../checkpoint/json-file.ts";
import { ConversionError, type Diagnostic, shortened } from "../diagnostics.ts";
import { withinTime } from "./time-limit.ts";
import { refuseEndless } from "./tokenizer-file.ts";

/** One text, or a pair, as a model's own tokenizer gives it. */
export interface Encoding {
  readonly ids: readonly number[];
  /** 0 for the first text, 1 for the second. */
  readonly segments: readonly number[];
}

export interface TextEncoder {
  /** Special tokens included. @throws Error when the tokenizer is broken */
  encode(text: string, pair?: string): Encoding;
}

/** tokenizer.json of a vocabulary of 250,000 pieces has 17 MB. */
const MAX_TOKENIZER_BYTES = 64 << 20;
const MAX_TOKENIZER_DEPTH = 64;

/**
 * The tokenizer of a checkpoint's folder (`tokenizer.json`, `tokenizer_config.json`).
 * @param file the path of a file of the folder, undefined when it is not there
 * @returns no tokenizer where the folder has none; a diagnostic where it has one that does not work here
 */
export function openTokenizer(file: (name: string) => string | undefined): {
  readonly tokenizer?: TextEncoder;
  readonly diagnostics: readonly Diagnostic[];
} {
  const path = file("tokenizer.json");
  if (path === undefined) return { diagnostics: [] };
  const configPath = file("tokenizer_config.json");
  try {
    const read = (p: string): Record<string, unknown> =>
      readJsonObject(p, MAX_TOKENIZER_BYTES, { maxDepth: MAX_TOKENIZER_DEPTH, duplicates: "last" });
    const contents = read(path);
    refuseEndless(contents);
    const model = new Tokenizer(contents, configPath === undefined ? {} : read(configPath));
    const tokenizer: TextEncoder = {
      encode(text, pair) {
        const encoded = withinTime(TEXT_LIMIT, () =>
          model.encode(text, { return_token_type_ids: true, ...(pair === undefined ? {} : { text_pair: pair }) }),
        );
        const { ids, token_type_ids: segments } = encoded;
        if (ids.length === 0 || !ids.every((id: number) => Number.isInteger(id) && id >= 0))
          throw new TypeError(`gave [${ids.slice(0, 8)}] for ${JSON.stringify(text)}`);
        return { ids, segments };
      },
    };
    tokenizer.encode(PROBE);
    return { tokenizer, diagnostics: [] };
  } catch (cause) {
    return { diagnostics: [unusable(cause)] };
  }
}

/** A tokenizer that fails, as a warning: no conversion depends on it. @param cause what it threw */
export function unusable(cause: unknown): Diagnostic {
  const why = cause instanceof ConversionError ? (cause.diagnostics[0]?.message ?? "") : (cause as Error).message;
  return {
    code: "tokenizer.unusable",
    severity: "warning",
    path: "tokenizer.json",
    message: `the tokenizer does not work here (${shortened(why)}); seeded token ids stand in for a sentence`,
  };
}

/** Encoded once when a tokenizer is opened: most broken ones are noticed there, not in the middle of the suite. */
const PROBE = "Hello, world";
/** Milliseconds for a text, a hundred times what it takes: a tokenizer's expressions may be made to take for ever. */
const TEXT_LIMIT = 2000;
