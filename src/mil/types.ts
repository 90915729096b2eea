import type { DType } from "../tensor/dtype.ts";
import { type Dim, dimText, equalDims } from "./dim.ts";

/** The types a value can have. Shapes are row-major; rank 0 is a scalar. */
export type Type = TensorType | ListType | DictType | StateType;
export interface TensorType {
  readonly kind: "tensor";
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}
/** `length` undefined: grows while the program runs. */
export interface ListType {
  readonly kind: "list";
  readonly element: TensorType;
  readonly length: number | undefined;
}
/** What `classify` makes of probabilities: label -> probability. */
export interface DictType {
  readonly kind: "dict";
  readonly key: DType;
  readonly value: DType;
}
/** A buffer kept between calls (iOS18), read and written through `read_state` and `write_state`. */
export interface StateType {
  readonly kind: "state";
  readonly of: TensorType;
}

export const tensorType = (dtype: DType, shape: readonly Dim[]): TensorType => ({ kind: "tensor", dtype, shape });

export function typeText(t: Type): string {
  switch (t.kind) {
    case "tensor":
      return t.shape.length === 0 ? t.dtype : `tensor<${t.dtype}, [${t.shape.map(dimText).join(", ")}]>`;
    case "list":
      return `list<${typeText(t.element)}, ${t.length ?? "?"}>`;
    case "dict":
      return `dict<${t.key}, ${t.value}>`;
    case "state":
      return `state<${typeText(t.of)}>`;
  }
}

export const equalShapes = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => equalDims(d, b[i] as Dim));
