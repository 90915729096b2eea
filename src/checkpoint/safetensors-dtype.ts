import type { DType } from "../tensor/dtype.ts";

/** The element types of safetensors that have a counterpart here. */
export const dtypeOf: ReadonlyMap<string, DType> = new Map([
  ["BOOL", "bool"],
  ["U8", "uint8"],
  ["I8", "int8"],
  ["I16", "int16"],
  ["U16", "uint16"],
  ["F16", "fp16"],
  ["BF16", "bf16"],
  ["I32", "int32"],
  ["U32", "uint32"],
  ["F32", "fp32"],
  ["F64", "fp64"],
  ["I64", "int64"],
  ["U64", "uint64"],
]);

/**
 * Bits per element of all types of the format, in its own order (narrow to wide), which is also the order of tensors in
 * a file, reversed: https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs (`enum Dtype`).
 */
export const bitsOfFormat: ReadonlyMap<string, number> = new Map([
  ["BOOL", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E5M2FNUZ", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E8M0", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);
