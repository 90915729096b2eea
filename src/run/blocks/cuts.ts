/** What cutting must know of a run of nodes that stays together: the names it reads from outside, and those it makes. */
export interface Step {
  readonly reads: ReadonlySet<string>;
  readonly writes: readonly string[];
}

export interface CutSizes {
  /** Bytes a constant takes; 0 for every other name. */
  constant(name: string): number;
  /** Bytes of a computed value. */
  value(name: string): number;
}

/**
 * Where to cut a graph so that the constants of each part take at most `limit` bytes: the index of the first step of
 * each part. A step is never cut, so that a part of one step may exceed the limit. Of the places that leave a part at
 * least half of what it could hold, the one is taken where the fewest bytes are alive.
 */
export function cutsOf(steps: readonly Step[], limit: number, sizes: CutSizes): number[] {
  const alive = aliveBefore(steps, sizes);
  const cuts = [0];
  for (;;) {
    const start = cuts.at(-1) as number;
    const weights = fitting(steps, start, limit, sizes);
    const end = start + weights.length;
    if (end >= steps.length) return cuts;
    const enough = (weights.at(-1) as number) / 2;
    let best = end;
    for (let cut = end - 1; cut > start && (weights[cut - start - 1] as number) >= enough; cut--) {
      if ((alive[cut] as number) < (alive[best] as number)) best = cut;
    }
    cuts.push(best);
  }
}

/** For each step of the longest part that begins at `start` and fits: bytes of the constants up to and with it. */
function fitting(steps: readonly Step[], start: number, limit: number, sizes: CutSizes): number[] {
  const weights: number[] = [];
  const counted = new Set<string>();
  let weight = 0;
  for (const { reads } of steps.slice(start)) {
    for (const name of reads) {
      if (!counted.has(name)) weight += sizes.constant(name);
      counted.add(name);
    }
    if (weights.length > 0 && weight > limit) break;
    weights.push(weight);
  }
  return weights;
}

/** For each step: bytes of the values that were computed before it and are read by it or later. */
function aliveBefore(steps: readonly Step[], sizes: CutSizes): number[] {
  const madeBy = new Map(steps.flatMap(({ writes }, i) => writes.map((name) => [name, i] as const)));
  const lastRead = new Map(steps.flatMap(({ reads }, i) => [...reads].map((name) => [name, i] as const)));
  const alive = Array<number>(steps.length + 1).fill(0);
  for (const [name, made] of madeBy) {
    const last = lastRead.get(name) ?? made;
    if (last === made) continue;
    const bytes = sizes.value(name);
    alive[made + 1] = (alive[made + 1] as number) + bytes;
    alive[last + 1] = (alive[last + 1] as number) - bytes;
  }
  let sum = 0;
  return alive.map((change) => {
    sum += change;
    return sum;
  });
}
