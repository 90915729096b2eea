import { describe, expect, test } from "vitest";
import {
  addDims,
  ceilDivDims,
  type Dim,
  dimsText,
  dimText,
  divideVolume,
  equalDims,
  evaluateDim,
  floorDivDims,
  length,
  lengthsOf,
  maxOf,
  minOf,
  mulDims,
  subDims,
  substitute,
  volume,
} from "../../src/mil/dim.ts";
import { seededRandom } from "./seeded-random.ts";

const [P, S, B] = [length("P", 0, 512), length("S", 1, 128), length("B", 1, 4)];
const open = length("N", 0, Number.POSITIVE_INFINITY);

describe("canonical text", () => {
  test.each<[string, Dim, Dim]>([
    ["addition commutes", addDims(P, S), addDims(S, P)],
    ["addition associates", addDims(addDims(P, S), 1), addDims(P, addDims(1, S))],
    ["terms cancel", subDims(addDims(P, S), S), P],
    ["multiplication commutes", mulDims(P, S), mulDims(S, P)],
    ["multiplication associates", mulDims(mulDims(P, S), B), mulDims(P, mulDims(S, B))],
    ["numbers leave a product", mulDims(mulDims(2, S), mulDims(3, P)), mulDims(6, mulDims(P, S))],
    ["common factors leave a product", mulDims(addDims(mulDims(2, S), 4), P), mulDims(2, mulDims(addDims(S, 2), P))],
    ["signs leave a product", mulDims(subDims(P, S), B), mulDims(-1, mulDims(subDims(S, P), B))],
    ["an exact quotient", floorDivDims(addDims(mulDims(4, S), 8), 4), addDims(S, 2)],
    ["whole parts leave a quotient", floorDivDims(addDims(S, 5), 2), addDims(floorDivDims(addDims(S, 1), 2), 2)],
    ["a multiple leaves a quotient", floorDivDims(addDims(mulDims(2, P), S), 2), addDims(P, floorDivDims(S, 2))],
    ["a common factor leaves a quotient", floorDivDims(mulDims(2, S), 4), floorDivDims(S, 2)],
    ["rounding below the common factor", floorDivDims(addDims(mulDims(2, S), 1), 4), floorDivDims(S, 2)],
    ["division by 1", floorDivDims(addDims(P, S), 1), addDims(P, S)],
  ])("%s", (_, a, b) => {
    expect(dimText(a)).toBe(dimText(b));
    expect(equalDims(a, b)).toBe(true);
  });

  test("what it looks like", () => {
    expect(dimsText([addDims(P, S), subDims(mulDims(2, S), 1), floorDivDims(subDims(S, 3), 2), mulDims(P, S)])).toBe(
      "[P + S, 2*S - 1, floor((S + 1)/2) - 2, P*S]",
    );
    expect(dimsText([subDims(0, S), subDims(1, S), mulDims(addDims(P, 1), S)])).toBe("[-S, -S + 1, (P + 1)*S]");
  });

  test("what collapses is a number again", () => {
    expect(subDims(addDims(S, 3), S)).toBe(3);
    expect(mulDims(S, 0)).toBe(0);
    expect(floorDivDims(7, 2)).toBe(3);
    expect(floorDivDims(-7, 2)).toBe(-4);
    expect(ceilDivDims(7, 2)).toBe(4);
  });
});

test("different sizes have different texts", () => {
  const dims = [
    P,
    S,
    addDims(P, S),
    subDims(P, S),
    mulDims(P, S),
    floorDivDims(S, 2),
    floorDivDims(S, 3),
    addDims(S, 1),
  ];
  expect(new Set(dims.map(dimText)).size).toBe(dims.length);
});

/** A random expression and what it is worth for given lengths. */
function randomDim(
  pick: () => number,
  depth: number,
): { dim: Dim; worth: (at: ReadonlyMap<string, number>) => number } {
  const leaf = Math.floor(pick() * 5);
  if (depth === 0 && leaf < 3) {
    const l = [P, S, B][leaf] as typeof P;
    return { dim: l, worth: (at) => at.get(l.text) as number };
  }
  if (depth === 0) {
    const n = Math.floor(pick() * 9) - 4;
    return { dim: n, worth: () => n };
  }
  const [a, b] = [randomDim(pick, depth - 1), randomDim(pick, depth - 1)];
  const by = 1 + Math.floor(pick() * 6);
  switch (Math.floor(pick() * 5)) {
    case 0:
      return { dim: addDims(a.dim, b.dim), worth: (at) => a.worth(at) + b.worth(at) };
    case 1:
      return { dim: subDims(a.dim, b.dim), worth: (at) => a.worth(at) - b.worth(at) };
    case 2:
      return { dim: mulDims(a.dim, b.dim), worth: (at) => a.worth(at) * b.worth(at) };
    case 3:
      return { dim: floorDivDims(a.dim, by), worth: (at) => Math.floor(a.worth(at) / by) };
    default:
      return { dim: ceilDivDims(a.dim, by), worth: (at) => Math.ceil(a.worth(at) / by) };
  }
}

test("an expression is worth what integer arithmetic says, within its bounds", () => {
  const pick = seededRandom(1);
  for (let i = 0; i < 3000; i++) {
    const { dim, worth } = randomDim(pick, 1 + (i % 4));
    for (let j = 0; j < 4; j++) {
      const at = new Map([P, S, B].map((l) => [l.text, Math.floor(l.min + pick() * (l.max - l.min + 1))]));
      const value = worth(at);
      // -0 and 0 are one size.
      expect(evaluateDim(dim, at) + 0, `${dimText(dim)} at ${[...at]}`).toBe(value + 0);
      expect(minOf(dim), `${dimText(dim)}: lower bound`).toBeLessThanOrEqual(value);
      expect(maxOf(dim), `${dimText(dim)}: upper bound`).toBeGreaterThanOrEqual(value);
    }
  }
});

test("substituting lengths, then evaluating, is evaluating at once", () => {
  const pick = seededRandom(2);
  const T = length("T", 1, 9);
  for (let i = 0; i < 1000; i++) {
    const { dim, worth } = randomDim(pick, 3);
    const [t, s, b] = [1 + Math.floor(pick() * 9), 1 + Math.floor(pick() * 9), 1 + Math.floor(pick() * 4)];
    const replaced = substitute(dim, (l) => (l.name === "P" ? addDims(mulDims(2, T), S) : undefined));
    expect(lengthsOf(replaced).map((l) => l.name)).not.toContain("P");
    const at = new Map([
      ["T", t],
      ["S", s],
      ["B", b],
      ["P", 2 * t + s],
    ]);
    expect(evaluateDim(replaced, at) + 0, dimText(dim)).toBe(worth(at) + 0);
  }
});

test("lengths are found inside products and quotients", () => {
  const names = (d: Dim): readonly string[] =>
    lengthsOf(d)
      .map((l) => l.name)
      .sort();
  expect(names(addDims(floorDivDims(mulDims(P, S), 3), B))).toEqual(["B", "P", "S"]);
  expect(names(7)).toEqual([]);
});

test("evaluating without a length's value says which", () => {
  expect(() => evaluateDim(addDims(P, S), new Map([["P", 1]]))).toThrow(/no value for S/);
});

describe("bounds", () => {
  test("of sums, differences and quotients", () => {
    expect([minOf(addDims(P, S)), maxOf(addDims(P, S))]).toEqual([1, 640]);
    expect([minOf(subDims(P, S)), maxOf(subDims(P, S))]).toEqual([-128, 511]);
    expect([minOf(floorDivDims(S, 2)), maxOf(floorDivDims(S, 2))]).toEqual([0, 64]);
  });
  test("of a product whose factors may be negative", () => {
    const product = mulDims(subDims(P, S), B);
    expect([minOf(product), maxOf(product)]).toEqual([-128 * 4, 511 * 4]);
  });
  test("of what nothing bounds", () => {
    expect([minOf(mulDims(open, S)), maxOf(mulDims(open, S))]).toEqual([0, Number.POSITIVE_INFINITY]);
    expect([minOf(subDims(S, open)), maxOf(subDims(S, open))]).toEqual([Number.NEGATIVE_INFINITY, 128]);
    const nothing = mulDims(length("Z", 0, 0), open);
    expect([minOf(nothing), maxOf(nothing)]).toEqual([0, 0]);
  });
});

describe("volumes", () => {
  const text = (shape: readonly Dim[]): string => {
    const { number, exprs } = volume(shape);
    return [number, ...exprs.map((e) => e.text)].join(" · ");
  };
  test("count numbers apart from lengths", () => {
    expect(text([2, S, 3])).toBe("6 · S");
    expect(text([mulDims(2, S), 3])).toBe("6 · S");
    expect(text([addDims(mulDims(2, S), 4), P])).toBe("2 · P · S + 2");
    expect(text([mulDims(mulDims(2, S), mulDims(3, P))])).toBe("6 · P · S");
    expect(text([])).toBe("1");
    expect(text([0, S])).toBe("0 · S");
  });
  test("divide", () => {
    const divided = (total: readonly Dim[], known: readonly Dim[]): string | undefined => {
      const d = divideVolume(total, known);
      return d === undefined ? undefined : dimText(d);
    };
    expect(divided([1, S, 768], [1, S, 12])).toBe("64");
    expect(divided([B, S, 768], [12, 64])).toBe("B*S");
    expect(divided([B, addDims(P, S), 4], [B, 4])).toBe("P + S");
    expect(divided([mulDims(6, S)], [3])).toBe("2*S");
    expect(divided([S, 6], [4])).toBe("floor((3*S)/2)");
    expect(divided([6], [4])).toBeUndefined();
    expect(divided([S], [P])).toBeUndefined();
    expect(divided([S], [0])).toBeUndefined();
  });
  test("give back what was divided, for random shapes", () => {
    const pick = seededRandom(3);
    for (let i = 0; i < 500; i++) {
      const shape = Array.from({ length: 4 }, (): Dim => {
        const n = 1 + Math.floor(pick() * 5);
        return [n, mulDims(n, S), addDims(mulDims(n, P), S), mulDims(P, addDims(B, n))][Math.floor(pick() * 4)] as Dim;
      });
      const missing = shape[0] as Dim;
      expect(dimText(divideVolume(shape, shape.slice(1)) ?? -1), dimsText(shape)).toBe(dimText(missing));
    }
  });
});
