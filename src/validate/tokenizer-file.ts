import { isRecord } from "../checkpoint/json-file.ts";

/**
 * Refuses what the tokenizer library would follow until memory is used up: a token that is no text but says it has a
 * length, and pieces of text of length 0. All else that is wrong it notices itself.
 * @param file the contents of tokenizer.json
 * @throws TypeError
 */
export function refuseEndless(file: Readonly<Record<string, unknown>>): void {
  const { added_tokens: tokens } = file;
  if (Array.isArray(tokens) && !tokens.every((t) => isRecord(t) && typeof t.content === "string"))
    throw new TypeError("added_tokens has a token without a text");
  for (const step of stepsOf(file.pre_tokenizer)) {
    const { type, length } = step;
    if (type === "FixedLength" && !(Number.isInteger(length) && (length as number) > 0))
      throw new TypeError(`pre_tokenizer FixedLength has length ${JSON.stringify(length)}`);
  }
}

/** A step, and those of a sequence of steps. */
function stepsOf(step: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!isRecord(step)) return [];
  const { pretokenizers: inner } = step;
  return [step, ...(Array.isArray(inner) ? inner.flatMap(stepsOf) : [])];
}
