import { addDims, type Dim, equalDims, floorDivDims, gcd, length, lengthsOf, subDims, substitute } from "./dim.ts";

/** Decides whether two dimensions are equal, and remembers what had to be assumed for it. */
export interface Unifier {
  /** The common dimension, or undefined when the two cannot be equal. */
  equal(a: Dim, b: Dim): Dim | undefined;
  resolve(d: Dim): Dim;
  /** A new length for a size that only the data decides (`non_zero`) or that the wire does not name. */
  fresh(hint: string, min: number, max: number): Dim;
}

/** For building: equal means equal, nothing is assumed. */
export function strict(): Unifier {
  let count = 0;
  return {
    equal: (a, b) => (equalDims(a, b) ? a : undefined),
    resolve: (d) => d,
    fresh: (hint, min, max) => length(`${hint}_${count++}`, min, max),
  };
}

/**
 * For reading: the wire has no names for lengths, so each `?` starts as a free one, and where an operation demands that
 * two sizes agree, one free length is solved for.
 */
export function unification(): Unifier {
  const solved = new Map<string, Dim>();
  /** Free lengths by age. */
  const free = new Map<string, number>();
  const resolve = (d: Dim): Dim => (solved.size === 0 ? d : substitute(d, (l) => solution(l.name)));
  const solution = (name: string): Dim | undefined => {
    const found = solved.get(name);
    if (found === undefined) return undefined;
    const final = resolve(found);
    solved.set(name, final);
    return final;
  };

  return {
    resolve,
    fresh(hint, min, max) {
      let name = hint;
      for (let i = 1; free.has(name); i++) name = `${hint}_${i}`;
      free.set(name, free.size);
      return length(name, min, max);
    },
    equal(a, b) {
      const [x, y] = [resolve(a), resolve(b)];
      const difference = primitive(subDims(x, y));
      if (difference === 0) return x;
      if (difference === undefined || typeof difference === "number") return undefined;
      if (difference.min > 0 || difference.max < 0) return undefined;
      // Solve for the youngest length that occurs once, linearly and with factor 1, so that inputs keep their names.
      const age = (t: (typeof difference.terms)[0]): number =>
        t.atom.kind === "length" ? (free.get(t.atom.name) ?? -1) : -1;
      for (const t of [...difference.terms].sort((p, q) => age(q) - age(p))) {
        if (t.atom.kind !== "length" || Math.abs(t.factor) !== 1 || !free.has(t.atom.name)) continue;
        const { name } = t.atom;
        const rest = subDims(difference, { terms: [t], constant: 0, text: t.text, min: 0, max: 0 });
        if (lengthsOf(rest).some((l) => l.name === name)) continue;
        const value = t.factor === 1 ? subDims(0, rest) : rest;
        solved.set(name, narrowed(value, t.atom.min, t.atom.max, solved, free));
        return resolve(x);
      }
      // What is left, a quotient or a product, cannot be solved for. Whether it is the number is left to the run.
      const number = [x, y].find((d) => typeof d === "number");
      return difference.terms.some((t) => t.atom.kind !== "length") ? number : undefined;
    },
  };
}

/** What is 0 where `d` is, without the factor its terms share; undefined when no integers make `d` 0 (`2*S - 1`). */
function primitive(d: Dim): Dim | undefined {
  if (typeof d === "number") return d;
  const common = d.terms.reduce((g, t) => gcd(g, t.factor), 0);
  if (d.constant % common !== 0) return undefined;
  return floorDivDims(d, common);
}

/** When one length turns out to be another, what both bounds allow is what remains. */
function narrowed(value: Dim, min: number, max: number, solved: Map<string, Dim>, free: Map<string, number>): Dim {
  if (typeof value === "number" || value.terms.length !== 1 || value.constant !== 0) return value;
  const [{ atom, factor }] = value.terms as [(typeof value.terms)[0]];
  if (atom.kind !== "length" || factor !== 1 || (atom.min >= min && atom.max <= max)) return value;
  let name = `${atom.name}'`;
  while (free.has(name)) name += "'";
  const tight = length(name, Math.max(atom.min, min), Math.min(atom.max, max));
  // As old as the one it stands for: a younger one is solved for before it.
  free.set(name, free.get(atom.name) ?? 0);
  solved.set(atom.name, tight);
  return addDims(tight, 0);
}
