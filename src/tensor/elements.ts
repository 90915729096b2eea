import { fail } from "../diagnostics.ts";
import { packBits, unpackBits } from "./bit-packing.ts";
import { noStatistics } from "./cast-statistics.ts";
import { bitsOf, byteLength, type DType } from "./dtype.ts";
import { castFloats, isFloatDType } from "./float-cast.ts";

/** What a tensor in memory can be made of. Floats are numbers, never the bits of a half. */
export type Elements = ArrayLike<number> | ArrayLike<bigint> | ArrayLike<boolean>;

/** The numbers of a tensor. */
export type Values =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/**
 * The typed array that lays out whole-byte elements as files do. Typed arrays are little-endian on every machine
 * that ONNX Runtime or Core ML run on.
 */
export const typedArrayOf = {
  bool: Uint8Array,
  fp16: Uint16Array,
  bf16: Uint16Array,
  fp32: Float32Array,
  fp64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
} as const;

export type WholeByteDType = keyof typeof typedArrayOf;

export const isWholeByte = (dtype: DType): dtype is WholeByteDType => dtype in typedArrayOf;

/** Smallest and largest value of an integer type (`bool`: 0 and 1); undefined for the others. */
export function integerRange(dtype: DType): { readonly min: bigint; readonly max: bigint } | undefined {
  if (dtype === "bool") return { min: 0n, max: 1n };
  const bits = BigInt(bitsOf[dtype]);
  if (dtype.startsWith("uint")) return { min: 0n, max: (1n << bits) - 1n };
  if (dtype.startsWith("int")) return { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n };
  return undefined;
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Elements a bulk float conversion takes at a time: its fp64 side stays below `CHUNK_BYTES`. */
const FLOATS_AT_ONCE = 1 << 18;

function encodeFloats(dtype: "fp16" | "bf16" | "fp32" | "fp64", elements: Elements): Uint8Array {
  const source = elements instanceof Float32Array ? elements : Float64Array.from(elements as ArrayLike<number>, Number);
  const from = source instanceof Float32Array ? "fp32" : "fp64";
  if (from === dtype) return bytesOf(source);
  const encoded = new Uint8Array(byteLength(dtype, source.length));
  for (let start = 0; start < source.length; start += FLOATS_AT_ONCE) {
    const part = source.subarray(start, start + FLOATS_AT_ONCE);
    const out = encoded.subarray(byteLength(dtype, start), byteLength(dtype, start + part.length));
    castFloats(from, dtype, bytesOf(part), out, noStatistics());
  }
  return encoded;
}

function checkedInteger(dtype: DType, element: unknown, range: { min: bigint; max: bigint }, key: string): bigint {
  const isInteger = typeof element === "bigint" || typeof element === "boolean" || Number.isInteger(element);
  const value = isInteger ? BigInt(element as bigint | boolean | number) : undefined;
  if (value === undefined || value < range.min || value > range.max) {
    const expected = `an integer from ${range.min} to ${range.max}`;
    fail("internal", "tensor.range", `the value ${element} is no ${dtype}, expected ${expected}`, { path: key });
  }
  return value;
}

/**
 * The little-endian bytes of `elements` as `dtype`; floats are rounded to nearest even. A typed array that has the
 * layout already is not copied.
 * @param key names the tensor in errors.
 * @throws ConversionError for an integer that does not fit, and for `string`.
 */
export function encodeElements(dtype: DType, elements: Elements, key: string): Uint8Array {
  if (isFloatDType(dtype)) return encodeFloats(dtype, elements);
  const range = integerRange(dtype);
  if (!range) fail("internal", "tensor.dtype", `${dtype} elements have no bytes`, { path: key });
  if (isWholeByte(dtype) && dtype !== "bool" && elements instanceof typedArrayOf[dtype]) return bytesOf(elements);
  const integers = Array.from(elements as ArrayLike<unknown>, (element) => checkedInteger(dtype, element, range, key));
  switch (dtype) {
    case "int64":
      return bytesOf(BigInt64Array.from(integers));
    case "uint64":
      return bytesOf(BigUint64Array.from(integers));
    default: {
      const numbers = integers.map(Number);
      return isWholeByte(dtype)
        ? bytesOf((typedArrayOf[dtype] as Int32ArrayConstructor).from(numbers))
        : packBits(numbers, bitsOf[dtype]);
    }
  }
}

function decodeLongs(longs: BigInt64Array | BigUint64Array, key: string): Float64Array {
  return Float64Array.from(longs, (long) => {
    const value = Number(long);
    if (!Number.isSafeInteger(value)) {
      fail("unsupported", "tensor.range", `the value ${long} is beyond ±2^53, the integers a number holds`, {
        path: key,
      });
    }
    return value;
  });
}

/**
 * The numbers in little-endian bytes: fp16 and bf16 as fp32, 64-bit integers as fp64, sub-byte integers as 8-bit ones,
 * booleans as 0 and 1. `bytes` must own its buffer from the start: the result may share it.
 * @param key names the tensor in errors.
 * @throws ConversionError for a 64-bit integer beyond 2^53, and for `string`.
 */
export function decodeElements(dtype: DType, count: number, bytes: Uint8Array<ArrayBuffer>, key: string): Values {
  const { buffer } = bytes;
  switch (dtype) {
    case "fp16":
    case "bf16": {
      const decoded = new Float32Array(count);
      castFloats(dtype, "fp32", bytes, bytesOf(decoded), noStatistics());
      return decoded;
    }
    case "int64":
      return decodeLongs(new BigInt64Array(buffer), key);
    case "uint64":
      return decodeLongs(new BigUint64Array(buffer), key);
    case "string":
      return fail("internal", "tensor.dtype", "string elements have no bytes", { path: key });
    default: {
      if (isWholeByte(dtype)) return new typedArrayOf[dtype](buffer);
      const decoded = dtype === "int4" ? new Int8Array(count) : new Uint8Array(count);
      unpackBits(bytes, bitsOf[dtype], decoded);
      return decoded;
    }
  }
}
