/**
 * Dimensions are expressions: a number, or a canonical linear form over named lengths (`P + S`, `2*S - 1`) with opaque
 * atoms for what is not linear (`floor((S - 3) / 2)`, `P*S`). Two dimensions are equal when their canonical texts are.
 */
export type Dim = number | Expr;

/** A length whose value is known only when the model runs, with inclusive bounds. */
export interface Length {
  readonly kind: "length";
  readonly name: string;
  readonly min: number;
  /** `Infinity` when nothing bounds it. */
  readonly max: number;
}
type Quotient = { readonly kind: "floorDiv"; readonly of: Expr; readonly by: number };
type Product = { readonly kind: "product"; readonly of: readonly Expr[] };
export type Atom = Length | Quotient | Product;

interface Term {
  readonly atom: Atom;
  readonly text: string;
  readonly factor: number;
}

/** A linear form: `constant + Σ factor·atom`, its terms sorted by text and never empty. Make it with the functions below. */
export interface Expr {
  readonly terms: readonly Term[];
  readonly constant: number;
  readonly text: string;
  readonly min: number;
  readonly max: number;
}

const atomText = (a: Atom): string =>
  a.kind === "length"
    ? a.name
    : a.kind === "floorDiv"
      ? `floor((${a.of.text})/${a.by})`
      : a.of.map((e) => (e.terms.length > 1 || e.constant !== 0 ? `(${e.text})` : e.text)).join("*");

function atomBounds(a: Atom): readonly [min: number, max: number] {
  if (a.kind === "length") return [a.min, a.max];
  if (a.kind === "floorDiv") return [Math.floor(a.of.min / a.by), Math.floor(a.of.max / a.by)];
  // A factor may be negative, so that any of the corners may be the least; and nothing is 0 times what is unbounded.
  const times = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y);
  return a.of.reduce<readonly [number, number]>(
    ([low, high], e) => {
      const corners = [times(low, e.min), times(low, e.max), times(high, e.min), times(high, e.max)];
      return [Math.min(...corners), Math.max(...corners)];
    },
    [1, 1],
  );
}

function linear(terms: readonly Term[], constant: number): Dim {
  const merged = new Map<string, Term>();
  for (const t of terms) {
    const factor = t.factor + (merged.get(t.text)?.factor ?? 0);
    if (factor === 0) merged.delete(t.text);
    else merged.set(t.text, { ...t, factor });
  }
  if (merged.size === 0) return constant;
  const sorted = [...merged.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
  let text = "";
  let [min, max] = [constant, constant];
  for (const t of sorted) {
    const size = Math.abs(t.factor);
    text += `${t.factor < 0 ? (text ? " - " : "-") : text ? " + " : ""}${size === 1 ? "" : `${size}*`}${t.text}`;
    const [low, high] = atomBounds(t.atom);
    min += t.factor * (t.factor > 0 ? low : high);
    max += t.factor * (t.factor > 0 ? high : low);
  }
  if (constant !== 0) text += constant < 0 ? ` - ${-constant}` : ` + ${constant}`;
  return { terms: sorted, constant, text, min, max };
}

const of = (atom: Atom): Expr => linear([{ atom, text: atomText(atom), factor: 1 }], 0) as Expr;
const termsOf = (d: Dim): readonly Term[] => (typeof d === "number" ? [] : d.terms);
const constantOf = (d: Dim): number => (typeof d === "number" ? d : d.constant);

/** A named length with inclusive bounds. */
export const length = (name: string, min: number, max: number): Expr => of({ kind: "length", name, min, max });

export const dimText = (d: Dim): string => (typeof d === "number" ? String(d) : d.text);
export const dimsText = (shape: readonly Dim[]): string => `[${shape.map(dimText).join(", ")}]`;
export const minOf = (d: Dim): number => (typeof d === "number" ? d : d.min);
export const maxOf = (d: Dim): number => (typeof d === "number" ? d : d.max);
export const equalDims = (a: Dim, b: Dim): boolean =>
  a === b || (typeof a !== "number" && typeof b !== "number" && a.text === b.text);
export const isFixed = (shape: readonly Dim[]): shape is readonly number[] => shape.every((d) => typeof d === "number");

export const addDims = (a: Dim, b: Dim): Dim =>
  typeof a === "number" && typeof b === "number"
    ? a + b
    : linear([...termsOf(a), ...termsOf(b)], constantOf(a) + constantOf(b));

const scale = (d: Dim, by: number): Dim =>
  typeof d === "number"
    ? d * by
    : linear(
        d.terms.map((t) => ({ ...t, factor: t.factor * by })),
        d.constant * by,
      );

export const subDims = (a: Dim, b: Dim): Dim => addDims(a, scale(b, -1));

export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number") return scale(b, a);
  if (typeof b === "number") return scale(a, b);
  const { number, exprs } = volume([a, b]);
  return scale(of({ kind: "product", of: exprs }), number);
}

/** `2*S*P + …`: the greatest number that divides all of it, and the factors of the rest. */
function factored(e: Expr): { readonly number: number; readonly exprs: readonly Expr[] } {
  const common = e.terms.reduce((g, t) => gcd(g, t.factor), Math.abs(e.constant));
  const [first] = e.terms as [Term];
  const number = first.factor < 0 ? -common : common;
  const terms = e.terms.map((t) => ({ ...t, factor: t.factor / number }));
  const isProduct = terms.length === 1 && e.constant === 0 && first.atom.kind === "product";
  return { number, exprs: isProduct ? (first.atom as Product).of : [linear(terms, e.constant / number) as Expr] };
}

/** `floor(d / by)` for a positive integer `by`; what divides exactly is taken out, the rest stays one opaque atom. */
export function floorDivDims(d: Dim, by: number): Dim {
  if (typeof d === "number") return Math.floor(d / by);
  if (by === 1) return d;
  const exact = d.terms.filter((t) => t.factor % by === 0).map((t) => ({ ...t, factor: t.factor / by }));
  const rest = linear(
    d.terms.filter((t) => t.factor % by !== 0),
    ((d.constant % by) + by) % by,
  );
  const whole = Math.floor(d.constant / by);
  if (typeof rest === "number") return linear(exact, whole);
  const common = rest.terms.reduce((g, t) => gcd(g, t.factor), by);
  if (common > 1) {
    // floor((4*S + 3)/6) is floor((2*S + 1)/3): what is below the common factor makes no difference.
    const terms = rest.terms.map((t) => ({ ...t, factor: t.factor / common }));
    const reduced = linear(terms, Math.floor(rest.constant / common));
    return addDims(linear(exact, whole), floorDivDims(reduced, by / common));
  }
  return addDims(linear(exact, whole), of({ kind: "floorDiv", of: rest, by }));
}

export const ceilDivDims = (d: Dim, by: number): Dim => floorDivDims(addDims(d, by - 1), by);

/** The product of `shape`, as a number times expressions: what a reshape preserves. */
export function volume(shape: readonly Dim[]): { readonly number: number; readonly exprs: readonly Expr[] } {
  let number = 1;
  const exprs: Expr[] = [];
  for (const d of shape) {
    if (typeof d === "number") number *= d;
    else {
      // n·S counts as n times S, so that [2*S] and [2, S] hold the same number of elements.
      const factors = factored(d);
      number *= factors.number;
      exprs.push(...factors.exprs);
    }
  }
  return { number, exprs: exprs.sort((a, b) => (a.text < b.text ? -1 : 1)) };
}

export const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** The dimension `d` for which `volume([d, ...known])` is `volume(total)`, or undefined when no integer form exists. */
export function divideVolume(total: readonly Dim[], known: readonly Dim[]): Dim | undefined {
  const [all, part] = [volume(total), volume(known)];
  const left = [...all.exprs];
  for (const e of part.exprs) {
    const i = left.findIndex((x) => x.text === e.text);
    if (i < 0) return undefined;
    left.splice(i, 1);
  }
  const product = left.reduce<Dim>((n, e) => mulDims(n, e), all.number);
  if (part.number === 0) return undefined;
  const quotient = floorDivDims(product, part.number);
  return equalDims(mulDims(quotient, part.number), product)
    ? quotient
    : typeof product === "number"
      ? undefined
      : quotient;
}

/** Replaces lengths by what `by` says they are, inside opaque atoms too. */
export function substitute(d: Dim, by: (length: Length) => Dim | undefined): Dim {
  if (typeof d === "number") return d;
  let changed = false;
  const parts = d.terms.map((t): Dim => {
    const next = substituteAtom(t.atom, by);
    if (next === undefined) return linear([t], 0);
    changed = true;
    return scale(next, t.factor);
  });
  return changed ? parts.reduce(addDims, d.constant) : d;
}

function substituteAtom(a: Atom, by: (length: Length) => Dim | undefined): Dim | undefined {
  if (a.kind === "length") return by(a);
  if (a.kind === "floorDiv") {
    const inner = substitute(a.of, by);
    return inner === a.of ? undefined : floorDivDims(inner, a.by);
  }
  const inner = a.of.map((e) => substitute(e, by));
  return inner.every((e, i) => e === a.of[i]) ? undefined : inner.reduce(mulDims, 1);
}

/** Every length that occurs in `d`, inside opaque atoms too. */
export function lengthsOf(d: Dim): readonly Length[] {
  const found = new Map<string, Length>();
  substitute(d, (l) => {
    found.set(l.name, l);
    return undefined;
  });
  return [...found.values()];
}

/** The value of `d` when the lengths have the given values. */
export function evaluateDim(d: Dim, values: ReadonlyMap<string, number>): number {
  const result = substitute(d, (l) => values.get(l.name));
  if (typeof result !== "number")
    throw new RangeError(
      `no value for ${lengthsOf(result)
        .map((l) => l.name)
        .join(", ")} in ${result.text}`,
    );
  return result;
}
