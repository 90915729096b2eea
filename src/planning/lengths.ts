import { fail } from "../diagnostics.ts";
import type { PlannedLength } from "../plan.ts";

/** The default range reaches to this many tokens, as the 2023 exporter's did. */
const DEFAULT_MAX = 128;
/** Where an open range ends for a model that states no maximum. */
const OPEN_MAX = 2048;
/** Core ML fails to load a model with a dimension above this, and nothing reaches it unasked. */
export const SAFE_MAX = 16384;

/** What a user asked of a length: `128`, `1..512`, `64,128`, `1..`. */
export type LengthRequest =
  | { readonly kind: "fixed"; readonly value: number }
  | { readonly kind: "range"; readonly length: PlannedLength }
  | { readonly kind: "enumerated"; readonly length: PlannedLength };

/**
 * Reads `--sequence-length`.
 * @param maxLength the most positions the model has, undefined where nothing bounds them
 * @throws ConversionError `length.invalid`, `length.limit`
 */
export function lengthRequest(text: number | string | undefined, maxLength: number | undefined): LengthRequest {
  const most = maxLength ?? OPEN_MAX;
  if (text === undefined) return range(1, Math.min(DEFAULT_MAX, most));
  const invalid = (): never =>
    fail("usage", "length.invalid", `'${text}' is no length`, {
      path: "--sequence-length",
      hint: "write 128, 1..512, 64,128 or 1..",
    });
  const number = (s: string): number => (/^\d+$/.test(s.trim()) && Number(s) > 0 ? Number(s) : invalid());
  const bounded = (n: number): number =>
    maxLength !== undefined && n > maxLength
      ? fail("usage", "length.limit", `${n} is more than the ${maxLength} positions the model has`, {
          path: "--sequence-length",
        })
      : n;
  const parts = String(text).split(",");
  if (parts.length > 1) {
    const values = [...new Set(parts.map((p) => bounded(number(p))))];
    if (values.length === 1) return { kind: "fixed", value: values[0] as number };
    return {
      kind: "enumerated",
      length: { min: Math.min(...values), max: Math.max(...values), default: values[0] as number, values },
    };
  }
  const ends = String(text).split("..");
  if (ends.length === 1) return { kind: "fixed", value: bounded(number(ends[0] as string)) };
  if (ends.length > 2) return invalid();
  const [low, high] = ends as [string, string];
  const max = high.trim() === "" ? Math.min(most, SAFE_MAX) : bounded(number(high));
  const min = number(low);
  return min <= max ? range(min, max) : invalid();
}

const range = (min: number, max: number): LengthRequest =>
  min === max ? { kind: "fixed", value: min } : { kind: "range", length: { min, max, default: max } };
