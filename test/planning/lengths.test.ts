import { expect, test } from "vitest";
import { lengthRequest } from "../../src/planning/lengths.ts";

const range = (min: number, max: number): unknown => ({ kind: "range", length: { min, max, default: max } });

test.each([
  ["nothing asked, a long model", undefined, 512, range(1, 128)],
  ["nothing asked, a short model", undefined, 24, range(1, 24)],
  ["nothing asked, no maximum", undefined, undefined, range(1, 128)],
  ["one length", "128", 512, { kind: "fixed", value: 128 }],
  ["one length as a number", 64, 512, { kind: "fixed", value: 64 }],
  ["a range", "1..512", 512, range(1, 512)],
  ["a range of one", "7..7", 512, { kind: "fixed", value: 7 }],
  ["an open range ends at the model's maximum", "1..", 1024, range(1, 1024)],
  ["an open range of a model without one", "1..", undefined, range(1, 2048)],
  ["an open range never reaches what Core ML refuses", "1..", 131072, range(1, 16384)],
  [
    "a list keeps its order, the default first",
    "128,64",
    512,
    { kind: "enumerated", length: { min: 64, max: 128, default: 128, values: [128, 64] } },
  ],
  ["a list of one is a fixed length", "64,64", 512, { kind: "fixed", value: 64 }],
])("%s", (_, text, maxLength, expected) => {
  expect(lengthRequest(text, maxLength)).toEqual(expected);
});

test.each([
  ["0", "length.invalid"],
  ["-1", "length.invalid"],
  ["1..2..3", "length.invalid"],
  ["8..4", "length.invalid"],
  ["..8", "length.invalid"],
  ["a", "length.invalid"],
  ["1,", "length.invalid"],
  ["513", "length.limit"],
  ["1..513", "length.limit"],
  ["64,513", "length.limit"],
])("refuses %s", (text, code) => {
  expect(() => lengthRequest(text, 512)).toThrow(
    expect.objectContaining({ diagnostics: [expect.objectContaining({ code })] }),
  );
});
