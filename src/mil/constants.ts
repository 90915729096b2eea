import type { DType } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/dtype.ts";
import { tensorOf, valuesOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import type { Dim } from "./dim.ts";
import { type Constant, Value } from "./program.ts";
import { tensorType } from "./types.ts";

/** How many integers inference follows through a graph: shapes, permutations and paddings are far below it. */
const MAX_CONTENT = 64;
const integer: ReadonlySet<DType> = new Set(["int8", "int16", "int32", "uint8", "uint16", "uint32"]);

/** The integers a constant scalar or short vector holds, as inference sees them. */
export function contentOf(data: LazyTensor): readonly Dim[] | undefined {
  const isShort = data.shape.length <= 1 && elementCount(data.shape) <= MAX_CONTENT;
  return isShort && integer.has(data.dtype) ? Array.from(valuesOf(data), Number) : undefined;
}

export const isTrackable = (count: Dim): count is number => typeof count === "number" && count <= MAX_CONTENT;

/** A constant value over a tensor: a weight, a table, a parameter. */
export const constantValue = (
  name: string,
  data: LazyTensor,
  more: { literal?: boolean; storage?: "blob" | "immediate" } = {},
): Value =>
  new Value(name, tensorType(data.dtype, data.shape), {
    constant: { kind: "tensor", data, ...(more.storage ? { storage: more.storage } : {}) },
    content: contentOf(data),
    literal: more.literal ?? false,
  });

/** A constant scalar (a number, a flag, a string) or vector. */
export function literalValue(
  name: string,
  dtype: DType,
  literal: number | boolean | string | readonly (number | boolean)[],
): Value {
  if (typeof literal === "string") {
    return new Value(name, tensorType("string", []), { constant: { kind: "strings", values: [literal] } });
  }
  const values = typeof literal === "object" ? literal.map(Number) : [Number(literal)];
  return constantValue(
    name,
    tensorOf(dtype, typeof literal === "object" ? [values.length] : [], values, `${dtype} ${values}`),
  );
}

const decoded = new WeakMap<Constant, readonly number[]>();

/** The numbers of a constant (booleans as 0 and 1; half precision decoded), or undefined for what is not a constant. */
export function numbersOf(value: Value): readonly number[] | undefined {
  const { constant } = value;
  if (constant?.kind !== "tensor") return undefined;
  let numbers = decoded.get(constant);
  if (!numbers) {
    numbers = Array.from(valuesOf(constant.data), Number);
    decoded.set(constant, numbers);
  }
  return numbers;
}
