import type { DType } from "../tensor/dtype.ts";

/** `DataType` of MIL.proto. */
const milCodes: Readonly<Partial<Record<DType, number>>> = {
  bool: 1,
  string: 2,
  fp16: 10,
  fp32: 11,
  fp64: 12,
  bf16: 13,
  int8: 21,
  int16: 22,
  int32: 23,
  int64: 24,
  int4: 25,
  uint8: 31,
  uint16: 32,
  uint32: 33,
  uint64: 34,
  uint4: 35,
  uint2: 36,
  uint1: 37,
  uint6: 38,
  uint3: 39,
};
/** Element codes of the weight file: not the numbers of MIL.proto. */
const blobCodes: Readonly<Partial<Record<DType, number>>> = {
  fp16: 1,
  fp32: 2,
  uint8: 3,
  int8: 4,
  bf16: 5,
  int16: 6,
  uint16: 7,
  int4: 8,
  uint1: 9,
  uint2: 10,
  uint4: 11,
  uint3: 12,
  uint6: 13,
  int32: 14,
  uint32: 15,
};
/** `ArrayFeatureType.ArrayDataType`: what crosses the model's boundary. */
const arrayCodes = { fp32: 65568, fp64: 65600, int32: 131104, fp16: 65552, int8: 131080 } as const;
export type ArrayDType = keyof typeof arrayCodes;

const inverted = <K extends string>(codes: Readonly<Partial<Record<K, number>>>): ReadonlyMap<number, K> =>
  new Map(Object.entries(codes).map(([name, code]) => [code as number, name as K]));
const [milNames, blobNames, arrayNames] = [inverted(milCodes), inverted(blobCodes), inverted<ArrayDType>(arrayCodes)];

export const milCode = (dtype: DType): number => milCodes[dtype] as number;
export const milDType = (code: number): DType | undefined => milNames.get(code);
/** Undefined for what the weight file cannot hold (bool, string, 64-bit). */
export const blobCode = (dtype: DType): number | undefined => blobCodes[dtype];
export const blobDType = (code: number): DType | undefined => blobNames.get(code);
export const arrayCode = (dtype: ArrayDType): number => arrayCodes[dtype];
export const arrayDType = (code: number): ArrayDType | undefined => arrayNames.get(code);
