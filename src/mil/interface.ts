import type { DType } from "../tensor/dtype.ts";
import type { Dim } from "./dim.ts";

/**
 * What a caller of a function sees: features with their flexibility, made by the plan or by the package reader. Writer
 * and runner use only this.
 */
export type Feature = TensorFeature | ImageFeature | StateFeature | LabelFeature | ProbabilitiesFeature;

interface Named {
  readonly name: string;
  readonly description?: string;
}

/** How the shape of an input may vary between calls. `fixed`: not at all. */
export type Flexibility =
  | { readonly kind: "fixed" }
  /** One inclusive range per dimension; they are independent of each other. */
  | { readonly kind: "range"; readonly ranges: readonly (readonly [min: number, max: number])[] }
  /** The default shape first. */
  | { readonly kind: "enumerated"; readonly shapes: readonly (readonly number[])[] };

export interface TensorFeature extends Named {
  readonly kind: "tensor";
  readonly dtype: Extract<DType, "fp16" | "fp32" | "fp64" | "int32" | "int8">;
  /** The default shape; undefined for an output whose shape is known only when the model runs. */
  readonly shape: readonly number[] | undefined;
  readonly flexibility: Flexibility;
  /** The input may be left out; this value then stands in every element. */
  readonly optional?: { readonly value: number | undefined };
}

export interface ImageFeature extends Named {
  readonly kind: "image";
  readonly colorSpace: "RGB" | "BGR" | "GRAYSCALE" | "GRAYSCALE_FLOAT16";
  readonly height: number;
  readonly width: number;
  /** `[height, width]` ranges or lists; the default size first. */
  readonly flexibility: Flexibility;
  readonly optional?: boolean;
}

export interface StateFeature extends Named {
  readonly kind: "state";
  readonly dtype: Extract<DType, "fp16" | "int8">;
  readonly shape: readonly number[];
}

/** The label a classifier predicts. */
export interface LabelFeature extends Named {
  readonly kind: "label";
  readonly type: "string" | "int64";
}

/** A classifier's dictionary from label to probability. */
export interface ProbabilitiesFeature extends Named {
  readonly kind: "probabilities";
  readonly key: "string" | "int64";
}

export interface Interface {
  readonly inputs: readonly Feature[];
  readonly states: readonly StateFeature[];
  readonly outputs: readonly Feature[];
  readonly classifier?: { readonly label: string; readonly probabilities: string };
}

/** The bounds a flexible dimension may take, `undefined` for a fixed one. */
export const boundsOf = (f: Flexibility, axis: number): readonly [number, number] | undefined => {
  if (f.kind === "fixed") return undefined;
  const values = f.kind === "range" ? (f.ranges[axis] ?? []) : f.shapes.map((s) => s[axis] ?? 0);
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return min === max ? undefined : [min, max];
};

export const isKnown = (shape: readonly Dim[] | undefined): shape is readonly number[] =>
  shape?.every((d) => typeof d === "number") ?? false;
