import type { DType } from "../../tensor/dtype.ts";
import type { Versioned } from "../opset.ts";

/** The dtype domains that rows share. */
export const float = ["fp16", "fp32"] as const satisfies readonly DType[];
export const numeric = ["fp16", "fp32", "int32"] as const satisfies readonly DType[];
const narrow = ["int16", "uint16", "int8", "uint8"] as const satisfies readonly DType[];

/** Numbers, and from iOS17 the narrow integers. */
export const numericOrNarrow: Versioned<readonly DType[]> = { iOS15: numeric, iOS17: [...numeric, ...narrow] };
/** Everything a tensor can hold: narrow integers from iOS17. */
export const any: Versioned<readonly DType[]> = { iOS15: [...numeric, "bool"], iOS17: [...numeric, ...narrow, "bool"] };
/** Numbers and booleans at every target. */
export const plain = [...numeric, "bool"] as const satisfies readonly DType[];
/** Integer vectors that hold positions or sizes. */
export const positions: Versioned<readonly DType[]> = { iOS15: ["int32"], iOS17: ["int32", "int16", "int8"] };
/** Indices of the gathers. */
export const indices: Versioned<readonly DType[]> = {
  iOS15: ["int32"],
  iOS16: ["int32", "int16", "uint16"],
  iOS17: ["int32", "int16", "uint16", "int8", "uint8"],
};
/** A parameter that shares x's dtype before iOS17 and has a domain of its own from then on. */
export const TthenU = { iOS15: "T", iOS17: "U" } as const;
