import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { sinusoidalTable } from "../../src/nn/sinusoidal.ts";
import { elementCount } from "../../src/tensor/dtype.ts";
import { valuesOf } from "../../src/tensor/memory.ts";

/** Of the tables that Transformers' `_create_sinusoidal_embeddings` fills with NumPy 2.3 on x86-64. */
test.each([
  [512, 768, "8d6fbfc7dc2988fe01e17ab981c41cb9d4f1a82cd7a41c59fe9882bfdc8fff0a"],
  [24, 31, "7bb1baf9030e368a2da6cd29d7d42f2e809f369abca267a67129f15c8c721f7a"],
])("the table of %d positions and width %d is that of PyTorch, bit for bit", (rows, width, sha256) => {
  const table = sinusoidalTable(rows, width);
  const bytes = new Uint8Array(4 * elementCount(table.shape));
  table.read(0, elementCount(table.shape), bytes);
  expect(table.shape).toEqual([rows, width]);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
});

test("sine and cosine of one wave stand side by side", () => {
  const values = valuesOf(sinusoidalTable(2, 3));
  expect([...values]).toEqual([0, 1, 0, Math.sin(1), Math.cos(1), Math.sin(10000 ** (-2 / 3))].map(Math.fround));
});
