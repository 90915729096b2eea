import { describe, expect, test } from "vitest";
import {
  addDims,
  type Dim,
  dimText,
  evaluateDim,
  floorDivDims,
  maxOf,
  minOf,
  mulDims,
  subDims,
} from "../../src/mil/dim.ts";
import { strict, type Unifier, unification } from "../../src/mil/unify.ts";
import { seededRandom } from "./seeded-random.ts";

const text = (d: Dim | undefined): string => (d === undefined ? "refused" : dimText(d));
const bounds = (u: Unifier, d: Dim): readonly number[] => [minOf(u.resolve(d)), maxOf(u.resolve(d))];

describe("building", () => {
  test("assumes nothing", () => {
    const u = strict();
    const [a, b] = [u.fresh("a", 1, 8), u.fresh("b", 1, 8)];
    expect(text(u.equal(a, b))).toBe("refused");
    expect(text(u.equal(addDims(a, b), addDims(b, a)))).toBe(dimText(addDims(a, b)));
    expect(dimText(u.fresh("a", 1, 8))).not.toBe(dimText(a));
  });
});

describe("reading", () => {
  test("two inputs of one length become one, which keeps the first one's name", () => {
    const u = unification();
    const [ids, mask] = [u.fresh("input_ids.1", 1, 128), u.fresh("attention_mask.1", 1, 128)];
    expect(text(u.equal(ids, mask))).toBe("input_ids.1");
    expect(text(u.resolve(mask))).toBe("input_ids.1");
    expect(text(u.resolve(ids))).toBe("input_ids.1");
  });

  test("the order of the question does not matter", () => {
    const u = unification();
    const [ids, mask] = [u.fresh("ids", 1, 128), u.fresh("mask", 1, 128)];
    expect(text(u.equal(mask, ids))).toBe("ids");
    expect(text(u.resolve(mask))).toBe("ids");
  });

  test("an inner size is solved for, not an input's", () => {
    const u = unification();
    const S = u.fresh("ids.1", 1, 128);
    const inner = u.fresh("size", 0, Number.POSITIVE_INFINITY);
    expect(text(u.equal(S, inner))).toBe("ids.1");
    expect(text(u.equal(u.fresh("size", 0, Number.POSITIVE_INFINITY), 5))).toBe("5");
  });

  test("a mask over past and present is their sum", () => {
    const u = unification();
    const [S, P, mask] = [u.fresh("ids.1", 1, 8), u.fresh("past.2", 1, 56), u.fresh("mask.1", 2, 64)];
    expect(text(u.equal(mask, addDims(P, S)))).toBe("ids.1 + past.2");
    expect(text(u.resolve(mask))).toBe("ids.1 + past.2");
    // And again through what was solved before.
    expect(text(u.equal(subDims(mask, P), S))).toBe("ids.1");
    expect(text(u.equal(subDims(mask, S), addDims(P, 1)))).toBe("refused");
  });

  test("a chain of solutions ends at one name", () => {
    const u = unification();
    const [a, b, c, d] = ["a", "b", "c", "d"].map((n) => u.fresh(n, 1, 9)) as [Dim, Dim, Dim, Dim];
    u.equal(c, d);
    u.equal(b, c);
    u.equal(a, b);
    expect([a, b, c, d].map((x) => text(u.resolve(x)))).toEqual(["a", "a", "a", "a"]);
    expect(text(u.equal(d, 3))).toBe("3");
    expect([a, b, c, d].map((x) => text(u.resolve(x)))).toEqual(["3", "3", "3", "3"]);
  });

  test("bounds narrow to what both allow", () => {
    const u = unification();
    const [a, b] = [u.fresh("a", 1, 128), u.fresh("b", 4, 512)];
    expect(u.equal(a, b)).toBeDefined();
    expect(bounds(u, a)).toEqual([4, 128]);
    expect(bounds(u, b)).toEqual([4, 128]);
  });

  test("narrowing keeps the input's name recognisable, and the narrowed length can still be solved for", () => {
    const u = unification();
    const [a, b] = [u.fresh("a", 1, 128), u.fresh("b", 4, 512)];
    u.equal(a, b);
    expect(text(u.resolve(a))).toMatch(/^a/);
    expect(text(u.equal(b, 16))).toBe("16");
    expect(text(u.resolve(a))).toBe("16");
  });

  test("a narrowed input is still not solved for where an inner size can be", () => {
    const u = unification();
    const [ids, mask] = [u.fresh("ids.1", 1, 128), u.fresh("mask.1", 4, 512)];
    const inner = u.fresh("size", 0, Number.POSITIVE_INFINITY);
    u.equal(ids, mask);
    expect(text(u.equal(inner, ids))).toMatch(/^ids\.1/);
    expect(text(u.resolve(inner))).toMatch(/^ids\.1/);
  });

  test.each<[string, (u: Unifier, a: Dim, b: Dim) => readonly [Dim, Dim]]>([
    ["a number below the bounds", (_, a) => [a, 3]],
    ["a number above the bounds", (_, a) => [a, 129]],
    ["bounds that do not meet", (u, a) => [a, u.fresh("c", 200, 300)]],
    ["two numbers", () => [2, 3]],
    ["a size and itself plus one", (_, a) => [a, addDims(a, 1)]],
    ["even and odd", (_, a) => [mulDims(2, a), 17]],
    ["even and odd, both open", (_, a, b) => [mulDims(2, a), addDims(mulDims(4, b), 1)]],
    ["a sum too large", (_, a, b) => [addDims(a, b), 257]],
  ])("refuses %s", (_, make) => {
    const u = unification();
    const [a, b] = [u.fresh("a", 4, 128), u.fresh("b", 4, 128)];
    expect(text(u.equal(...make(u, a, b)))).toBe("refused");
    // A refusal leaves nothing behind.
    expect([text(u.resolve(a)), text(u.resolve(b))]).toEqual(["a", "b"]);
    expect(bounds(u, a)).toEqual([4, 128]);
  });

  test("a common factor is divided out", () => {
    const u = unification();
    const [a, b] = [u.fresh("a", 1, 128), u.fresh("b", 1, 128)];
    expect(text(u.equal(mulDims(12, a), mulDims(12, b)))).toBe("12*a");
    expect(text(u.resolve(b))).toBe("a");
    expect(text(u.equal(mulDims(3, b), 36))).toBe("36");
    expect(text(u.resolve(a))).toBe("12");
  });

  test("what stands inside a quotient of itself is not solved for", () => {
    const u = unification();
    const a = u.fresh("a", 0, 128);
    expect(text(u.equal(a, floorDivDims(a, 2)))).toBe("refused");
    const b = u.fresh("b", 0, 128);
    expect(text(u.equal(b, floorDivDims(a, 2)))).toBe(dimText(floorDivDims(a, 2)));
  });

  test("a quotient or a product may be a number within its bounds", () => {
    const u = unification();
    const [a, b] = [u.fresh("a", 1, 20), u.fresh("b", 1, 20)];
    expect(text(u.equal(floorDivDims(addDims(a, 6), 8), 2))).toBe("2");
    expect(text(u.equal(3, mulDims(a, b)))).toBe("3");
    expect(text(u.equal(floorDivDims(a, 8), 3))).toBe("refused");
    expect(text(u.equal(floorDivDims(a, 8), b))).toBe(dimText(floorDivDims(a, 8)));
  });

  test("names of free lengths are never given twice", () => {
    const u = unification();
    const made = ["size", "size", "size_1", "size"].map((n) => dimText(u.fresh(n, 0, 9)));
    expect(new Set(made).size).toBe(4);
  });

  test("a solution holds for every value of what stays free", () => {
    const pick = seededRandom(5);
    for (let i = 0; i < 500; i++) {
      const u = unification();
      const lengths = Array.from({ length: 4 }, (_, n) => u.fresh(`l${n}`, 0, 1000));
      const form = (): Dim =>
        lengths.reduce<Dim>((sum, l) => addDims(sum, mulDims(Math.floor(pick() * 3) - 1, l)), Math.floor(pick() * 5));
      const equations = Array.from({ length: 3 }, () => [form(), form()] as const).filter(
        ([a, b]) => u.equal(a, b) !== undefined,
      );
      const at = new Map(lengths.map((l) => [dimText(l), Math.floor(pick() * 10)]));
      for (const [a, b] of equations) {
        const difference = subDims(u.resolve(a), u.resolve(b));
        // Narrowed lengths carry a mark in their name and are free, too.
        const values = new Proxy(at, {
          get: (target, key) => (key === "get" ? (name: string) => target.get(name.replaceAll("'", "")) : target.has),
        });
        expect(evaluateDim(difference, values) + 0, `${dimText(a)} = ${dimText(b)}`).toBe(0);
      }
    }
  });
});
