import type { Diagnostic } from "../diagnostics.ts";
import { inputOf, lengthFor } from "./lengths.ts";
import { type Context, type Recipe, usualPast } from "./recipe.ts";
import { type Encoding, type TextEncoder, unusable } from "./tokenizer.ts";

const GREETING = "Hello!";
const SENTENCE = "The model runs on the device: nothing leaves it, and the 1st answer is there in 20 ms.";
const QUESTION = "How long does the first answer take?";
const CHOICES = [
  "It takes twenty milliseconds.",
  "Nobody has measured it.",
  "The café opens at nine.",
  "About a week, they say.",
];

/**
 * Text through the model's own tokenizer; a pair of texts where the model tells segments apart.
 * @param diagnostics gets a warning when the tokenizer and the model do not belong together: there are no sentences then
 */
export function sentences(context: Context, tokenizer: TextEncoder, diagnostics: Diagnostic[]): Recipe[] {
  const { plan, vocabulary } = context;
  const pairs = inputOf(plan, "segments") !== undefined;
  const rows = plan.choices ?? 1;
  let texts: Record<string, readonly Encoding[]>;
  try {
    texts = {
      greeting: Array.from({ length: rows }, () => tokenizer.encode(GREETING)),
      sentence: Array.from({ length: rows }, (_, row) => {
        if (plan.choices) return tokenizer.encode(QUESTION, CHOICES[row % CHOICES.length]);
        return pairs ? tokenizer.encode(QUESTION, SENTENCE) : tokenizer.encode(SENTENCE);
      }),
    };
  } catch (cause) {
    diagnostics.push(unusable(cause));
    return [];
  }
  const foreign = Object.values(texts)
    .flat()
    .flatMap((e) => e.ids)
    .find((id) => id >= vocabulary);
  if (foreign !== undefined) {
    const message = `the tokenizer gives id ${foreign}, the model's vocabulary has ${vocabulary} entries; seeded token ids stand in for a sentence`;
    diagnostics.push({ code: "tokenizer.vocabulary", severity: "warning", path: "tokenizer.json", message });
    return [];
  }
  return Object.entries(texts).map(([name, encodings]) => sentence(name, encodings, context));
}

/** Padded to a length the plan allows. Without a mask to hide padding, the text is said again instead. */
function sentence(
  name: string,
  encodings: readonly Encoding[],
  { plan, segments, paddingId, length, past }: Context,
): Recipe {
  const hasMask = inputOf(plan, "mask") !== undefined;
  const isReal = (row: number, position: number): boolean => position < (encodings[row]?.ids.length ?? 0);
  const pick = (values: readonly number[] | undefined, position: number): number =>
    values?.[position % values.length] ?? 0;
  const shown = (row: number, position: number): boolean => !hasMask || isReal(row, position);
  return {
    name,
    length: lengthFor(Math.max(...encodings.map((e) => e.ids.length)), length),
    past: usualPast(past),
    id: (row, position) => (shown(row, position) ? pick(encodings[row]?.ids, position) : paddingId),
    segment: (row, position) =>
      shown(row, position) ? Math.min(segments - 1, pick(encodings[row]?.segments, position)) : 0,
    ...(hasMask ? { attends: isReal } : {}),
  };
}
