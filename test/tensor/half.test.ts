import { describe, expect, test } from "vitest";
import { decodeBfloat16, encodeBfloat16 } from "../../src/tensor/bfloat16.ts";
import { noStatistics } from "../../src/tensor/cast-statistics.ts";
import { decodeHalf, encodeHalf, halfBits, halfValue, roundToHalf } from "../../src/tensor/half.ts";

const allHalves = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
const isNan = (bits: number) => (bits & 0x7fff) > 0x7c00;

/** The definition of binary16, in fp64 arithmetic. */
function definedValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}

function encoded(values: readonly number[]): { bits: number[]; statistics: ReturnType<typeof noStatistics> } {
  const out = new Uint16Array(values.length);
  const statistics = noStatistics();
  encodeHalf(Float32Array.from(values), out, statistics);
  return { bits: [...out], statistics };
}

describe("all 65,536 halves", () => {
  const values = new Float32Array(65_536);
  decodeHalf(allHalves, values);

  test("decode to what the format defines", () => {
    for (const bits of allHalves) {
      const expected = definedValue(bits);
      if (!Object.is(values[bits], expected) || !Object.is(halfValue(bits), expected))
        expect.fail(`0x${bits.toString(16)}`);
    }
  });

  test("encode to themselves, NaNs to quiet NaNs of the same payload", () => {
    const back = new Uint16Array(65_536);
    encodeHalf(values, back);
    const expected = allHalves.map((bits) => (isNan(bits) ? bits | 0x200 : bits));
    expect(back).toEqual(expected);
    expect(allHalves.map((bits) => (isNan(bits) ? bits | 0x200 : halfBits(definedValue(bits))))).toEqual(expected);
  });

  test("midpoints round to even, and the neighbours of midpoints to their side", () => {
    const below = new Float32Array(1);
    const pattern = new Uint32Array(below.buffer);
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (definedValue(bits) + definedValue(bits + 1)) / 2;
      below[0] = middle;
      pattern[0] = (pattern[0] as number) - 1;
      const less = below[0];
      pattern[0] = (pattern[0] as number) + 2;
      const more = below[0];
      const even = bits % 2 === 0 ? bits : bits + 1;
      const { bits: got } = encoded([middle, less, more, -middle, -less, -more]);
      const want = [even, bits, bits + 1, even | 0x8000, bits | 0x8000, (bits + 1) | 0x8000];
      if (got.join() !== want.join()) expect.fail(`between ${bits} and ${bits + 1}: ${got}, expected ${want}`);
    }
  });
});

test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [1 / 3, 0x3555],
  [0.1, 0x2e66],
  [65_504, 0x7bff],
  [65_519.99609375, 0x7bff],
  [65_520, 0x7c00],
  [1e30, 0x7c00],
  [Number.NEGATIVE_INFINITY, 0xfc00],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [2 ** -25 * (1 + 2 ** -23), 0x0001],
  [1e-45, 0x0000],
  [2049, 0x6800],
  [2051, 0x6802],
])("%f is half %i", (value, bits) => {
  expect(encoded([value]).bits).toEqual([bits]);
  expect(halfBits(value)).toBe(bits);
});

test("a number is rounded once: 1 + 2^-11 + 2^-40 is above the midpoint, though its nearest fp32 is the midpoint", () => {
  expect(roundToHalf(1 + 2 ** -11 + 2 ** -40)).toBe(1 + 2 ** -10);
  expect(roundToHalf(1 + 3 * 2 ** -11 - 2 ** -40)).toBe(1 + 2 ** -10);
  expect(roundToHalf(1e300)).toBe(Number.POSITIVE_INFINITY);
  expect(halfBits(1e-300)).toBe(0);
  expect(halfBits(Number.NaN) & 0x7fff).toBe(0x7e00);
});

test("statistics count each kind, in every position of a group of four", () => {
  const values = [1e-5, 1e-9, 70_000, Number.NaN, Number.POSITIVE_INFINITY, 0, 1, -1e-5, -65_520];
  for (let shift = 0; shift < 4; shift++) {
    const { statistics } = encoded([...Array<number>(shift).fill(0.5), ...values]);
    expect(statistics).toEqual({
      elements: 9 + shift,
      overflowed: 2,
      flushed: 1,
      subnormal: 2,
      nan: 1,
      infinite: 1,
    });
  }
});

test("the largest subnormal that rounds up to the smallest normal half is not counted as subnormal", () => {
  expect(encoded([2 ** -14 - 2 ** -26])).toMatchObject({ bits: [0x0400], statistics: { subnormal: 0, flushed: 0 } });
});

describe("bf16", () => {
  test("all 65,536 patterns decode to the upper half of an fp32 and encode to themselves", () => {
    const values = new Float32Array(65_536);
    decodeBfloat16(allHalves, values);
    expect(new Uint32Array(values.buffer)).toEqual(Uint32Array.from(allHalves, (bits) => bits * 65_536));
    const back = new Uint16Array(65_536);
    encodeBfloat16(values, back);
    expect(back).toEqual(allHalves.map((bits) => ((bits & 0x7fff) > 0x7f80 ? bits | 0x40 : bits)));
  });

  test("ties go to even, and what is lost is counted", () => {
    const statistics = noStatistics();
    const out = new Uint16Array(7);
    const values = [1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, 1e-45, 2 ** -130, Number.NaN, Number.NEGATIVE_INFINITY];
    encodeBfloat16(Float32Array.from(values), out, statistics);
    expect([...out.subarray(0, 5)]).toEqual([0x3f80, 0x3f82, 0x7f80, 0, 0x0008]);
    expect(statistics).toEqual({ elements: 7, overflowed: 1, flushed: 1, subnormal: 1, nan: 1, infinite: 1 });
  });
});
