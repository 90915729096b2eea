/**
 * Element types, under MIL's names. Checkpoints, packages and the executor all speak these.
 */
export const bitsOf = {
  bool: 8,
  fp16: 16,
  bf16: 16,
  fp32: 32,
  fp64: 64,
  int4: 4,
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint1: 1,
  uint2: 2,
  uint3: 3,
  uint4: 4,
  uint6: 6,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  /** Only in MIL parameters; has no bytes. */
  string: 0,
} as const;

export type DType = keyof typeof bitsOf;

export const isFloat = (dtype: DType): boolean =>
  dtype === "fp16" || dtype === "fp32" || dtype === "fp64" || dtype === "bf16";

/** Bytes that `count` elements of `dtype` take; sub-byte types are one bit stream, padded at its end. */
export const byteLength = (dtype: DType, count: number): number => Math.ceil((count * bitsOf[dtype]) / 8);

export const elementCount = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
