import { describe, expect, test } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import { byteLength, type DType, elementCount } from "../../src/tensor/dtype.ts";
import type { Elements } from "../../src/tensor/elements.ts";
import { tensorOf, tensorOfBytes, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";

function bytesOf(tensor: LazyTensor): number[] {
  const count = elementCount(tensor.shape);
  const out = new Uint8Array(byteLength(tensor.dtype, count));
  tensor.read(0, count, out);
  return [...out];
}

const cases: [DType, number[]][] = [
  ["bool", [0, 1, 1]],
  ["fp16", [0.5, -65_504, 2 ** -24]],
  ["bf16", [0.5, -3, 2 ** 100]],
  ["fp32", [0.5, Math.fround(0.1), -(2 ** 100)]],
  ["fp64", [0.1, 1e300, -0]],
  ["int4", [-8, 7, -1, 0, 3]],
  ["int8", [-128, 127, 0]],
  ["int16", [-32_768, 32_767]],
  ["int32", [-(2 ** 31), 2 ** 31 - 1]],
  ["int64", [-(2 ** 53) + 1, 2 ** 53 - 1]],
  ["uint1", [1, 0, 0, 1, 1, 0, 1, 0, 1]],
  ["uint2", [3, 0, 1, 2, 3]],
  ["uint3", [7, 0, 5, 2, 6, 1, 4, 3, 7]],
  ["uint4", [15, 0, 9]],
  ["uint6", [63, 0, 33, 17, 42]],
  ["uint8", [255, 0]],
  ["uint16", [65_535, 0]],
  ["uint32", [2 ** 32 - 1, 0]],
  ["uint64", [2 ** 53 - 1, 0]],
];

test.each(cases)("%s values come back", (dtype, values) => {
  const tensor = tensorOf(dtype, [values.length], values, "t");
  expect([...valuesOf(tensor)]).toEqual(values);
  expect([...valuesOf(tensorOfBytes(dtype, [values.length], Uint8Array.from(bytesOf(tensor)), "t"))]).toEqual(values);
});

test("sub-byte integers are packed from the least significant bit, across byte borders", () => {
  expect(bytesOf(tensorOf("uint4", [3], [1, 2, 15], "t"))).toEqual([0x21, 0x0f]);
  expect(bytesOf(tensorOf("int4", [2], [-1, -8], "t"))).toEqual([0x8f]);
  expect(bytesOf(tensorOf("uint3", [3], [0b001, 0b010, 0b111], "t"))).toEqual([0b11_010_001, 0b1]);
  expect(bytesOf(tensorOf("uint6", [4], [1, 2, 3, 63], "t"))).toEqual([0x81, 0x30, 0xfc]);
});

test("bytes are little-endian", () => {
  expect(bytesOf(tensorOf("fp32", [], [1], "t"))).toEqual([0, 0, 0x80, 0x3f]);
  expect(bytesOf(tensorOf("int64", [1], [-2n], "t"))).toEqual([0xfe, 255, 255, 255, 255, 255, 255, 255]);
  expect(bytesOf(tensorOf("fp16", [2], [1, 65_520], "t"))).toEqual([0, 0x3c, 0, 0x7c]);
});

test("a part is read from its own byte on", () => {
  const out = new Uint8Array(1);
  tensorOf("uint4", [2, 2], [1, 2, 3, 4], "t").read(2, 2, out);
  expect([...out]).toEqual([0x43]);
});

test("typed arrays, views into buffers, booleans and more elements than one conversion takes", () => {
  const part = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  expect([...valuesOf(tensorOf("fp32", [2], part, "t"))]).toEqual([1, 2]);
  expect([...valuesOf(tensorOf("fp16", [2], part, "t"))]).toEqual([1, 2]);
  expect([...valuesOf(tensorOf("bool", [2], [true, false], "t"))]).toEqual([1, 0]);
  const many = Array.from({ length: 300_001 }, (_, i) => i % 2048);
  expect([...valuesOf(tensorOf("fp16", [300_001], many, "t"))]).toEqual(many);
});

describe("refuses", () => {
  test.each<[string, DType, number[], Elements, string]>([
    ["a count that does not fit the shape", "fp32", [2, 2], [1, 2, 3], "tensor.size"],
    ["an integer out of range", "int8", [1], [128], "tensor.range"],
    ["a negative unsigned integer", "uint8", [1], [-1], "tensor.range"],
    ["a fraction as integer", "int32", [1], [0.5], "tensor.range"],
    ["a boolean of 2", "bool", [1], Uint8Array.of(2), "tensor.range"],
    ["a sub-byte integer out of range", "uint3", [1], [8], "tensor.range"],
    ["strings", "string", [1], [1], "tensor.dtype"],
  ])("%s", (_, dtype, shape, elements, code) => {
    expect(() => tensorOf(dtype, shape, elements, "some.key")).toThrow(ConversionError);
    try {
      tensorOf(dtype, shape, elements, "some.key");
    } catch (error) {
      expect((error as ConversionError).diagnostics).toMatchObject([{ code, path: "some.key" }]);
    }
  });

  test("bytes of the wrong number", () => {
    expect(() => tensorOfBytes("fp16", [3], new Uint8Array(5), "t")).toThrow(
      "5 bytes for fp16 elements of shape [3], expected 6",
    );
  });

  test("to read an integer that a number cannot hold", () => {
    expect(() => valuesOf(tensorOf("int64", [1], [2n ** 60n], "ids"))).toThrow("ids: the value 1152921504606846976");
  });
});
