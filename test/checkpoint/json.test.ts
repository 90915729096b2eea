import { describe, expect, test } from "vitest";
import { parseJson } from "../../src/checkpoint/json.ts";

const strict = { maxDepth: 8, duplicates: "reject" } as const;

describe("agrees with JSON.parse", () => {
  test.each([
    '{"a": [1, -0.5, 1e3, 2E-2, 0], "b": {"c": null, "d": true, "e": false}, "": ""}',
    ' [ "\\u00e9\\n\\"\\\\", "é😀", "\\ud83d\\ude00" ] \n',
    "[]",
    "{}",
    "-0",
    '"x"',
    '{"1": 1, "0": 2}',
    '{"__proto__": {"polluted": true}, "constructor": 1}',
  ])("%s", (text) => {
    expect(parseJson(text, strict)).toEqual(JSON.parse(text));
  });

  test.each([
    "",
    "{",
    "[1,]",
    '{"a":1,}',
    '{"a" 1}',
    "{a: 1}",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "tru",
    "truex",
    "[1] 2",
    '"a',
    '"a\\',
    '"a\\"',
    '"\n"',
    '"\\x"',
    '"\\u12"',
    "'a'",
    "undefined",
    "NaN",
    "\u00a01",
  ])("refuses %j", (text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(() => parseJson(text, strict)).toThrow(/at character \d+/);
  });
});

test("members named __proto__ do not reach the prototype", () => {
  const value = parseJson('{"__proto__": {"polluted": true}}', strict) as Record<string, unknown>;
  expect(Object.keys(value)).toEqual(["__proto__"]);
  expect(value.polluted).toBeUndefined();
});

test("duplicates are refused, or the last one counts", () => {
  const text = '{"a": {"b": 1, "c": 2, "b": 3}}';
  expect(() => parseJson(text, strict)).toThrow('the member "b" appears twice, again at character 23');
  expect(parseJson(text, { maxDepth: 8, duplicates: "last" })).toEqual({ a: { b: 3, c: 2 } });
  expect(() => parseJson('{"__proto__": 1, "__proto__": 2}', strict)).toThrow("twice");
  expect(() => parseJson('{"a": 1, "\\u0061": 2}', strict)).toThrow("twice");
});

test("long strings, spaces and escapes do not exhaust the stack", () => {
  const long = "x".repeat(2e7);
  expect(parseJson(`${" ".repeat(2e7)}"${long}"`, strict) === long).toBe(true);
  expect(parseJson(`"${"\\n".repeat(1e7)}"`, strict) === "\n".repeat(1e7)).toBe(true);
});

test("depth is limited", () => {
  expect(parseJson("[[[1]]]", { maxDepth: 3, duplicates: "last" })).toEqual([[[1]]]);
  expect(() => parseJson("[[[[1]]]]", { maxDepth: 3, duplicates: "last" })).toThrow("nested deeper than 3");
  expect(() => parseJson("[".repeat(1e6), strict)).toThrow("nested deeper than 8");
});

test("Python's non-finite numbers, where asked for and outside of strings", () => {
  const options = { ...strict, nonFinite: true };
  const text = '{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN, -Infinity"}';
  expect(parseJson(text, options)).toEqual({ a: Number.NaN, b: [1 / 0, -1 / 0], c: "NaN, -Infinity" });
  expect(() => parseJson("-NaN", options)).toThrow("expected a value");
  expect(() => parseJson(text, strict)).toThrow('expected a value at character 6, found "NaN');
});
