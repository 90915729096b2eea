import { expect, test } from "vitest";
import { byteFigure, cosineFigure, figure, rowsOf, tupleText } from "../../src/report/figures.ts";
import { badSet, goodSet } from "./reports.ts";

test.each([
  [null, "–"],
  [0, "0"],
  [0.0001, "0.0001"],
  [0.000012345, "1.23e-5"],
  [1e-7, "1e-7"],
  [0.123456, "0.123"],
  [-12.3456, "-12.3"],
  [12345.6, "12346"],
  [12345678, "1.23e+7"],
])("%s is shown as %s", (x, text) => {
  expect(figure(x)).toBe(text);
});

test.each([
  [null, "–"],
  [1, "1"],
  [0.999, "1 − 0.001"],
  [-1, "1 − 2"],
])("a cosine of %s is shown as %s", (x, text) => {
  expect(cosineFigure(x)).toBe(text);
});

test.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1000, "1.0 kB"],
  [438_000_000, "438.0 MB"],
  [2.2e9, "2.2 GB"],
])("%s bytes are %s", (n, text) => {
  expect(byteFigure(n)).toBe(text);
});

test("shapes are Python's tuples", () => {
  expect([tupleText([]), tupleText([5]), tupleText([1, 2])]).toEqual(["()", "(5,)", "(1, 2)"]);
});

test("what failed comes first", () => {
  expect(rowsOf([goodSet, badSet]).map((r) => r.set)).toEqual(["right-padded", "length-2"]);
});
