import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CorpusCase, corpus } from "./corpus.ts";

/** How far the output of a case that comes nearest to its gate is off. */
export interface CaseError {
  /** The largest absolute difference. */
  readonly error: number;
  /** That difference over the largest magnitude among the expected values. */
  readonly relative: number;
  /** The largest difference that is allowed; 0 for integers, which must be equal. */
  readonly gate: number;
}

const path = join(corpus, "errors.json");

/** What a machine may add to a recorded error: another order of a sum, another last place of a function. */
const FACTOR = 4;
/** Roundings of the largest value that may be new where the record has none, one of which is half a last place. */
const ROUNDINGS = 8;
const unit: Readonly<Record<CorpusCase["precision"], number>> = { fp32: 2 ** -24, fp16: 2 ** -11 };

export const keyOf = (c: CorpusCase): string => `${c.op}/${c.case}`;

/** The committed errors by case. */
export const readErrors = (): Readonly<Record<string, CaseError>> => JSON.parse(readFileSync(path, "utf8"));

/** Replaces the committed errors, one line a case, in the order of the index. */
export function writeErrors(measured: ReadonlyMap<string, CaseError>): void {
  const lines = [...measured].map(([key, e]) => `  ${JSON.stringify(key)}: ${JSON.stringify(rounded(e))}`);
  writeFileSync(path, `{\n${lines.join(",\n")}\n}\n`);
}

/** Two significant digits, never less than the number. */
function upward(x: number): number {
  if (x === 0) return 0;
  const digit = 10 ** (Math.floor(Math.log10(x)) - 1);
  return Number((Math.ceil(x / digit) * digit).toPrecision(2));
}

const rounded = ({ error, relative, gate }: CaseError): CaseError => ({
  error: upward(error),
  relative: upward(relative),
  gate: upward(gate),
});

/** The largest error that still agrees with the recorded one. */
export function limitOf(recorded: CaseError, largest: number, precision: CorpusCase["precision"]): number {
  if (recorded.gate === 0) return 0;
  return Math.max(FACTOR * recorded.error, ROUNDINGS * unit[precision] * largest);
}
