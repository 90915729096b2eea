import { expect, test } from "vitest";
import { seededRandom } from "../../src/validate/random.ts";

const take = (seed: number, purpose: string, count = 4): number[] => {
  const random = seededRandom(seed, purpose);
  return Array.from({ length: count }, () => random.uniform());
};

test("equal seeds give equal numbers, and these", () => {
  expect(take(0, "sentence")).toEqual(take(0, "sentence"));
  const random = seededRandom(7, "ids");
  expect(Array.from({ length: 6 }, () => random.integer(1000))).toMatchInlineSnapshot(`
    [
      466,
      80,
      179,
      114,
      558,
      706,
    ]
  `);
});

test("another seed or purpose gives others", () => {
  expect(take(1, "sentence")).not.toEqual(take(0, "sentence"));
  expect(take(0, "noise")).not.toEqual(take(0, "sentence"));
});

test("integers reach both ends of their range and nothing beyond", () => {
  const random = seededRandom(3, "range");
  const seen = new Set(Array.from({ length: 500 }, () => random.integer(7)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test("normals have mean 0 and deviation 1", () => {
  const random = seededRandom(5, "past");
  const values = Array.from({ length: 20_000 }, () => random.normal());
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(deviation - 1)).toBeLessThan(0.03);
});
