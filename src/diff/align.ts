import { groupBy } from "./group-by.ts";

/** What alignment knows of an item: two items can be aligned when their kinds are equal. */
export interface Alignable {
  readonly kind: string;
  /** Marks the item where no other has it, and one of the other sequence does: both are then aligned first. */
  readonly mark: string | undefined;
  /** Of two items that can be aligned, those that agree in more of these go together. */
  readonly traits: readonly string[];
}

/** What one aligned pair counts beside the traits it agrees in: more pairs are better than better pairs. */
const PAIR = 4;
/** The largest table of scores, in cells. Longer stretches are aligned one after the other, as far as they agree. */
const MAX_CELLS = 1 << 22;

/**
 * Aligns two sequences without changing their order: at items that are marked alike, then, in the stretches between
 * them, so that as many items as possible are aligned and those that agree most.
 * @returns pairs of indices, ascending on both sides
 */
export function align(a: readonly Alignable[], b: readonly Alignable[]): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  let [fromA, fromB] = [0, 0];
  for (const [i, j] of [...anchors(a, b), [a.length, b.length] as const]) {
    for (const [p, q] of stretch(a.slice(fromA, i), b.slice(fromB, j))) pairs.push([fromA + p, fromB + q]);
    if (i < a.length) pairs.push([i, j]);
    [fromA, fromB] = [i + 1, j + 1];
  }
  return pairs;
}

/** Items with the same unique mark that are in one order on both sides: as many as can be. */
function anchors(a: readonly Alignable[], b: readonly Alignable[]): readonly (readonly [number, number])[] {
  const [inA, inB] = [uniqueMarks(a), uniqueMarks(b)];
  const common = [...inA].flatMap(([mark, i]) => {
    const j = inB.get(mark);
    return j !== undefined && a[i]?.kind === b[j]?.kind ? [[i, j] as const] : [];
  });
  return increasing(common.sort(([i], [j]) => i - j));
}

function uniqueMarks(items: readonly Alignable[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const repeated = new Set<string>();
  items.forEach(({ mark }, i) => {
    if (mark === undefined) return;
    if (places.has(mark)) repeated.add(mark);
    places.set(mark, i);
  });
  for (const mark of repeated) places.delete(mark);
  return places;
}

/** The longest part of the pairs whose second numbers ascend. https://en.wikipedia.org/wiki/Patience_sorting */
function increasing(pairs: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  const tops: number[] = [];
  const before: (number | undefined)[] = [];
  pairs.forEach(([, j], at) => {
    let [low, high] = [0, tops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[tops[middle] as number]?.[1] as number) < j) low = middle + 1;
      else high = middle;
    }
    before[at] = low > 0 ? tops[low - 1] : undefined;
    tops[low] = at;
  });
  const chain: (readonly [number, number])[] = [];
  for (let at = tops.at(-1); at !== undefined; at = before[at]) chain.unshift(pairs[at] as readonly [number, number]);
  return chain;
}

/** 0 for items that cannot be aligned. */
function scoreOf(a: Alignable, b: Alignable): number {
  if (a.kind !== b.kind) return 0;
  let score = PAIR;
  for (let i = 0; i < a.traits.length; i++) if (a.traits[i] === b.traits[i]) score++;
  return score;
}

const areAlike = (a: Alignable | undefined, b: Alignable | undefined): boolean =>
  a !== undefined && b !== undefined && scoreOf(a, b) === PAIR + a.traits.length;

/** Equal beginnings and ends, and in between the alignment of the highest score. */
function stretch(a: readonly Alignable[], b: readonly Alignable[]): readonly (readonly [number, number])[] {
  let start = 0;
  while (areAlike(a[start], b[start])) start++;
  let end = 0;
  while (start + end < Math.min(a.length, b.length) && areAlike(a.at(-1 - end), b.at(-1 - end))) end++;
  const [restA, restB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const inner = (restA.length + 1) * (restB.length + 1) > MAX_CELLS ? inTurn(restA, restB) : best(restA, restB);
  return [
    ...Array.from({ length: start }, (_, i) => [i, i] as const),
    ...inner.map(([i, j]) => [start + i, start + j] as const),
    ...Array.from({ length: end }, (_, i) => [a.length - end + i, b.length - end + i] as const),
  ];
}

function best(a: readonly Alignable[], b: readonly Alignable[]): readonly (readonly [number, number])[] {
  const width = b.length + 1;
  const scores = new Int32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const score = scoreOf(a[i] as Alignable, b[j] as Alignable);
      const aligned = score > 0 ? score + (scores[(i + 1) * width + j + 1] as number) : 0;
      const skipped = Math.max(scores[(i + 1) * width + j] as number, scores[i * width + j + 1] as number);
      scores[i * width + j] = Math.max(aligned, skipped);
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let [i, j] = [0, 0]; i < a.length && j < b.length; ) {
    const here = scores[i * width + j];
    if (here === scores[(i + 1) * width + j]) i++;
    else if (here === scores[i * width + j + 1]) j++;
    else pairs.push([i++, j++]);
  }
  return pairs;
}

/** Each item with the next one that is like it. */
function inTurn(a: readonly Alignable[], b: readonly Alignable[]): readonly (readonly [number, number])[] {
  const keyOf = ({ kind, traits }: Alignable): string => [kind, ...traits].join("\n");
  const places = groupBy(b.keys(), (j) => keyOf(b[j] as Alignable));
  const pairs: (readonly [number, number])[] = [];
  let next = 0;
  a.forEach((item, i) => {
    const queue = places.get(keyOf(item)) ?? [];
    while (queue.length > 0 && (queue[0] as number) < next) queue.shift();
    const j = queue.shift();
    if (j === undefined) return;
    pairs.push([i, j]);
    next = j + 1;
  });
  return pairs;
}
