import { byteLength, elementCount } from "../tensor/dtype.ts";
import type { ValuesDifference, WeightDifference, WeightForm, WeightsDifference } from "./difference.ts";
import { groupBy } from "./group-by.ts";
import type { Pace } from "./pace.ts";
import { pairWeights, type WeightPair } from "./pair-weights.ts";
import type { SamePlace } from "./same-bytes.ts";
import { compareValues } from "./values.ts";
import type { FunctionWeights, Weight } from "./weights.ts";
import { bitsPerElement, partKey } from "./weights.ts";

/** The weights of one function in both packages; undefined where one has no such function. */
export interface FunctionPair {
  readonly name: string;
  readonly a: FunctionWeights | undefined;
  readonly b: FunctionWeights | undefined;
}

export interface ComparedWeights {
  readonly difference: WeightsDifference;
  /** The weight of `b` that one of `a` became, for each function. */
  readonly counterparts: ReadonlyMap<string, ReadonlyMap<Weight, Weight>>;
}

/** Weights that several functions share are compared once. */
interface Shared<T> {
  readonly of: T;
  readonly functions: readonly string[];
}

/**
 * Compares the weights of all functions. Reads each at most a few times, a piece at a time.
 * @throws ConversionError when a tensor cannot be read; what the signal of `pace` was aborted with
 */
export async function compareWeights(
  functions: readonly FunctionPair[],
  isOnePlace: SamePlace,
  pace: Pace,
): Promise<ComparedWeights> {
  const counterparts = new Map<string, ReadonlyMap<Weight, Weight>>();
  const pairs: [WeightPair, string][] = [];
  const added: [Weight, string][] = [];
  const removed: [Weight, string][] = [];
  for (const { name, a, b } of functions) {
    const found = await pairWeights(distinct(a), distinct(b), isOnePlace, pace);
    counterparts.set(name, new Map(found.pairs.map((p) => [p.a, p.b])));
    for (const pair of found.pairs) pairs.push([pair, name]);
    for (const weight of found.added) added.push([weight, name]);
    for (const weight of found.removed) removed.push([weight, name]);
  }
  const shared = sharedBy(pairs, ({ a, b }) => `${keyOf(a)}\n${keyOf(b)}`);
  const differing = shared.filter(({ of }) => !of.identical);
  pace.begin(differing.reduce((sum, { of }) => sum + costOf(of.a) + costOf(of.b), 0));
  const changed: WeightDifference[] = [];
  for (const { of, functions: users } of differing) changed.push(await compareOne(of, users, pace));
  const identical = shared.filter(({ of }) => of.identical);
  const [allA, allB] = [functions.flatMap((f) => [...distinct(f.a)]), functions.flatMap((f) => [...distinct(f.b)])];
  return {
    counterparts,
    difference: {
      count: { a: countOf(allA), b: countOf(allB) },
      bytes: { a: storedBytes(allA), b: storedBytes(allB) },
      identical: identical.filter(({ of }) => of.a.name === of.b.name).length,
      renamed: identical.flatMap(({ of: { a, b } }) => (a.name === b.name ? [] : [{ a: a.name, b: b.name }])),
      changed: changed.sort((x, y) => severity(y) - severity(x)),
      added: sharedBy(added, keyOf).map(({ of, functions: users }) => formOf(of, users)),
      removed: sharedBy(removed, keyOf).map(({ of, functions: users }) => formOf(of, users)),
    },
  };
}

/** Each weight once, however often it stands in a function. */
const distinct = (weights: FunctionWeights | undefined): Iterable<Weight> => new Set(weights?.byValue.values());

const keyOf = ({ name, parts, decodedBy }: Weight): string => `${name} ${decodedBy} ${parts.map(partKey).join(" ")}`;

const countOf = (weights: readonly Weight[]): number => new Set(weights.map(keyOf)).size;

function storedBytes(weights: readonly Weight[]): number {
  const parts = new Map(weights.flatMap((w) => w.parts).map((t) => [partKey(t), t]));
  return [...parts.values()].reduce((sum, t) => sum + byteLength(t.dtype, elementCount(t.shape)), 0);
}

function sharedBy<T>(items: readonly (readonly [T, string])[], key: (item: T) => string): readonly Shared<T>[] {
  return [...groupBy(items, ([item]) => key(item)).values()].map((group) => {
    const [[of]] = group as unknown as readonly [readonly [T, string]];
    return { of, functions: group.map(([, name]) => name) };
  });
}

/** How much is read of a weight, for a progress bar. */
const costOf = ({ bytes }: Weight): number => bytes;

async function compareOne({ a, b }: WeightPair, functions: readonly string[], pace: Pace): Promise<WeightDifference> {
  const forms = { a: formOf(a, functions), b: formOf(b, functions) };
  const cost = costOf(a) + costOf(b);
  if (String(a.shape) !== String(b.shape)) {
    await pace.advance(cost);
    return { ...forms, change: "shape", values: null };
  }
  const elements = Math.max(1, elementCount(a.shape));
  const values = await compareValues(a.open(), b.open(), (done) => pace.advance((cost * done) / elements));
  return { ...forms, change: values.differing > 0 ? "values" : "form", values };
}

const formOf = (w: Weight, functions: readonly string[]): WeightForm => ({
  name: w.name,
  functions,
  dtype: w.dtype,
  shape: w.shape,
  decodedBy: w.decodedBy,
  bytes: w.bytes,
  bitsPerElement: bitsPerElement(w),
});

/** What cannot be compared is worst, then what became NaN or infinite, then by relative error. */
function severity({ change, values }: WeightDifference): number {
  if (!values || change === "shape") return Number.POSITIVE_INFINITY;
  if (change === "form") return -1;
  const broken = unusable(values, "b") - unusable(values, "a");
  const relative = values.error?.relativeRms ?? (values.error?.maxAbsolute ? Number.MAX_VALUE / 2 : 0);
  return broken > 0 ? Number.MAX_VALUE : relative;
}

const unusable = ({ nan, infinite }: ValuesDifference, side: "a" | "b"): number => nan[side] + infinite[side];
