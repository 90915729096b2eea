/** Texts and numbers that programs trip over. */

/** What a 64-bit field of a file is set to. */
export const extremeLongs: readonly bigint[] = [
  0n,
  1n,
  7n,
  63n,
  64n,
  65n,
  128n,
  255n,
  256n,
  65535n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** What a number of a message is set to: all of these survive a double. */
export const extremeNumbers: readonly number[] = [
  0,
  1,
  -1,
  2,
  3,
  7,
  -3,
  63,
  64,
  65,
  128,
  1000,
  2 ** 16,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
];

/** Numbers as JSON texts write them, or ought not to. */
export const numberTexts: readonly string[] = [
  ..."0 1 -1 2 3 -0 0.5 1.5 -1e-9 1e-320 1e16 1e21 1e308 1e999 -1e999 NaN Infinity -Infinity".split(" "),
  ..."2147483647 2147483648 -2147483648 4294967296 9007199254740991 9007199254740993".split(" "),
  ..."9223372036854775807 9223372036854775808 18446744073709551615 1000000 16777217".split(" "),
  "9".repeat(400),
  `0.${"0".repeat(400)}1`,
];

/** Paths that lead elsewhere; `outside` is a folder beside the one that is given. */
export const escapingPaths: readonly string[] = [
  "../../x",
  "../outside/model.safetensors",
  "../outside/model.mlmodel",
  "../../outside/model.mlmodel",
  "../../outside/weight.bin",
  "..\\..\\x",
  "/etc/hostname",
  "C:\\x",
  "file:///etc/hostname",
  "a/../../outside/model.safetensors",
  "./model.safetensors",
  "link/model.safetensors",
  "a\0b",
  ".",
  "..",
  "/",
  "a".repeat(300),
  "a/".repeat(3000),
  "CON",
  "model.safetensors/",
];

/** Expressions that take time exponential in the length of a text they do not match. */
export const slowPatterns: readonly string[] = [
  "(a|aa|[^b])+$x",
  "([\\s\\S]*)*\u0001",
  "(.?.?)+(\\w+\\s?)+\u0001",
  "((.+)+)+\u0001",
];

export const texts: readonly string[] = [
  "",
  " ",
  "x",
  "0",
  "-1",
  "1e999",
  "true",
  "null",
  "[]",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "length",
  "%s%n",
  "<script>alert(1)</script>",
  "\u001b[31mred\u001b[0m",
  "a\nb\r\n\tc",
  "\u0000",
  "\u202egnp",
  "\ufeff",
  "\u{1f600}\u{1f1e9}\u{1f1ea}",
  "e\u0301",
  "ſ",
  "İ",
  "a".repeat(100_000),
  "a ".repeat(20_000),
  ...slowPatterns,
];
