import type { Diagnostic } from "../diagnostics.ts";
import type { Plan, PlannedLength, PlannedTensor } from "../plan.ts";
import type { HostTensors } from "../run/host-tensor.ts";
import { elementCount } from "../tensor/dtype.ts";
import type { SuiteOptions } from "./input-suite.ts";
import { inputOf, sequenceLengthOf, shapeOf, threeLengths } from "./lengths.ts";
import { type Random, seededRandom } from "./random.ts";
import { type Context, inputsOf, pastName, type Recipe, usualPast } from "./recipe.ts";
import { sentences } from "./sentences.ts";

const NO_PAST: PlannedLength = { min: 0, max: 0, default: 0 };
/** Values in all keys and values of a past, 64 MB: a longer one is more than a test of correctness needs. */
const MAX_PAST_ELEMENTS = 1 << 24;
/** The part of a right-padded sequence that is not padding. */
const REAL_SHARE = 0.6;

/**
 * Calls of a text model, by name: the least, middle and greatest length (with each past length that matters), right
 * padding, a past whose beginning is masked, ids at both ends of the vocabulary, non-zero segments, one token over and
 * over, and sentences where there is a tokenizer.
 * @throws RangeError when the vocabulary is not given
 */
export function textSets(
  plan: Plan,
  seed: number,
  options: SuiteOptions,
): { readonly calls: ReadonlyMap<string, HostTensors>; readonly diagnostics: readonly Diagnostic[] } {
  const { vocabulary, segments = 2, tokenizer } = options;
  const length = sequenceLengthOf(plan);
  if (!vocabulary || !length) throw new RangeError(`the ids of '${plan.model.name}' need a vocabulary and a length`);
  // Some configs state -1, or an id that was added to the tokenizer later: no row of the embedding.
  const isToken = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < vocabulary;
  const paddingId = options.paddingId !== undefined && isToken(options.paddingId) ? options.paddingId : 0;
  const past = pastLengthOf(plan);
  const tried = { ...past, max: longestPast(plan, past) };
  const diagnostics: Diagnostic[] = [];
  if (tried.max < past.max) {
    const message = `a past of up to ${past.max} is planned, the longest one tried has ${tried.max}: more takes too much memory`;
    diagnostics.push({ code: "suite.past", severity: "note", message });
  }
  const context: Context = { plan, vocabulary, segments, paddingId, length, past: tried };
  const recipes = tokenizer ? sentences(context, tokenizer, diagnostics) : [];
  const calls = [...recipes, ...lengths(context), ...variations(context)].map(
    (r) => [r.name, inputsOf(r, plan, seededRandom(seed, r.name))] as const,
  );
  return { calls: new Map(calls), diagnostics };
}

const pastLengthOf = (plan: Plan): PlannedLength => plan.lengths[pastName(plan) ?? ""] ?? NO_PAST;

function longestPast(plan: Plan, { min, max }: PlannedLength): number {
  const pasts = plan.inputs.filter((i) => i.kind === "tensor" && i.role === "past") as readonly PlannedTensor[];
  const perPosition = pasts.reduce((n, i) => n + elementCount(shapeOf(i, { [pastName(plan) ?? ""]: 1 })), 0);
  return Math.max(min, Math.min(max, Math.floor(MAX_PAST_ELEMENTS / Math.max(1, perPosition))));
}

/** Seeded ids at every combination of lengths that matters, each once. */
function lengths({ vocabulary, length, past }: Context): Recipe[] {
  const s = threeLengths(length);
  const pairs = [
    [s.min, past.min],
    [s.middle, usualPast(past)],
    [s.max, past.max],
    [s.max, past.min],
  ] as const;
  const id = (_row: number, _position: number, random: Random): number => random.integer(vocabulary);
  const recipes = pairs.map(([l, q]) => ({ name: `length-${l}${q > 0 ? `-past-${q}` : ""}`, length: l, past: q, id }));
  return [...new Map(recipes.map((r) => [r.name, r])).values()];
}

function variations({ plan, vocabulary, segments, length, past, paddingId }: Context): Recipe[] {
  const s = threeLengths(length);
  const usual = usualPast(past);
  const middle = { length: s.middle, past: usual };
  const seeded = (_row: number, _position: number, random: Random): number => random.integer(vocabulary);
  const real = Math.ceil(s.max * REAL_SHARE);
  const hasMask = inputOf(plan, "mask") !== undefined;
  const oneToken = Math.floor(vocabulary / 2);
  const recipes: Recipe[] = [
    { name: "edge-ids", ...middle, id: (_row, position) => (position % 2 === 0 ? vocabulary - 1 : 0) },
    { name: "one-token", ...middle, id: () => oneToken },
  ];
  if (hasMask && real < s.max) {
    const isReal = (_row: number, position: number): boolean => position < real;
    const id: Recipe["id"] = (row, position, random) =>
      isReal(row, position) ? seeded(row, position, random) : paddingId;
    recipes.push({ name: "right-padded", length: s.max, past: usual, id, attends: isReal });
  }
  if (hasMask && usual > 1)
    recipes.push({ name: "masked-past", ...middle, id: seeded, maskedPast: Math.floor(usual / 2) });
  if (inputOf(plan, "segments") && segments > 1) {
    const segment = (_row: number, position: number): number => Math.floor(((position + 1) * segments - 1) / s.max);
    recipes.push({ name: "non-zero-segments", length: s.max, past: usual, id: seeded, segment });
  }
  return recipes;
}
