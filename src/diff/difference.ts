import type { Target } from "../mil/opset.ts";
import type { DType } from "../tensor/dtype.ts";
import type { ErrorFigures } from "../validate/comparison.ts";

/**
 * How package `b` differs from package `a`. Plain JSON, the same each time the same files are compared;
 * `schemaVersion` changes when a reader would have to.
 */
export interface PackageDifference {
  readonly schemaVersion: 1;
  readonly tool: { readonly name: "coreml-export"; readonly version: string };
  readonly a: ComparedPackage;
  readonly b: ComparedPackage;
  readonly verdict: DifferenceVerdict;
  /** Features and labels of functions that both have, and functions that one of them has. */
  readonly functions: readonly FunctionDifference[];
  /** Target, default function, metadata and what built the program, by name. */
  readonly properties: readonly FieldChange[];
  readonly weights: WeightsDifference;
  readonly files: readonly FileDifference[];
}

export interface ComparedPackage {
  /** As it was given. */
  readonly path: string;
  readonly target: Target;
  readonly specificationVersion: number;
  /** Of all files. */
  readonly bytes: number;
}

/**
 * `identical`: the same bytes in every file but Manifest.json, whose identifiers are random. `equal`: other bytes that
 * say the same. `different`: anything else.
 */
export interface DifferenceVerdict {
  readonly status: "identical" | "equal" | "different";
  /** One line for people. */
  readonly summary: string;
}

/** One thing that is not the same; null where a side has none. */
export interface FieldChange {
  readonly field: string;
  readonly a: string | null;
  readonly b: string | null;
}

export interface FunctionDifference {
  readonly name: string;
  /** Its name in `b`, where that is another: the only function of each package is compared whatever its name. */
  readonly nameInB?: string;
  readonly change: "same" | "changed" | "added" | "removed";
  readonly features: readonly FeatureDifference[];
  readonly labels: LabelsDifference | null;
  readonly operations: OperationsDifference;
}

export interface FeatureDifference {
  readonly role: "input" | "state" | "output";
  readonly name: string;
  readonly change: "added" | "removed" | "changed";
  /** Kind, dtype, shape, flexibility, colour space, optional, default, description; all of them for an added one. */
  readonly fields: readonly FieldChange[];
}

/** Labels of a classifier. */
export interface LabelsDifference {
  readonly count: { readonly a: number; readonly b: number };
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Labels of both that stand for another index. */
  readonly moved: number;
}

/** Operations without constants and without what only decodes weights. */
export interface OperationsDifference {
  readonly count: { readonly a: number; readonly b: number };
  /** Operations that one has more often than the other. */
  readonly histogram: readonly { readonly op: string; readonly a: number; readonly b: number }[];
  readonly added: readonly OperationLine[];
  readonly removed: readonly OperationLine[];
  readonly changed: readonly OperationChange[];
  /** Operations that are the same but for their name. */
  readonly renamed: number;
}

export interface OperationLine {
  readonly op: string;
  readonly name: string;
  /** As the text of the program has it. */
  readonly text: string;
}

/** An operation of both that takes or gives something else. */
export interface OperationChange {
  readonly op: string;
  readonly name: string;
  readonly nameInB: string;
  /** Parameters by name; `result dtype` and `result shape`. */
  readonly fields: readonly FieldChange[];
}

export interface WeightsDifference {
  readonly count: { readonly a: number; readonly b: number };
  /** Bytes they are stored in, shared ones once. */
  readonly bytes: { readonly a: number; readonly b: number };
  /** Of both, under one name, with the same bytes. */
  readonly identical: number;
  /** Of both, with the same bytes under another name. */
  readonly renamed: readonly { readonly a: string; readonly b: string }[];
  /** Of both, stored or valued otherwise; the largest error first. */
  readonly changed: readonly WeightDifference[];
  readonly added: readonly WeightForm[];
  readonly removed: readonly WeightForm[];
}

/** How a weight is stored. */
export interface WeightForm {
  readonly name: string;
  /** Functions that use it. */
  readonly functions: readonly string[];
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The constexpr operations that decode it, the last one last; none for a plain tensor. */
  readonly decodedBy: readonly string[];
  readonly bytes: number;
  /** Bits of storage for each element, tables and scales included. */
  readonly bitsPerElement: number;
}

export interface WeightDifference {
  readonly a: WeightForm;
  readonly b: WeightForm;
  /** `values`: some differ. `form`: decoded they are all equal. `shape`: they cannot be compared. */
  readonly change: "values" | "form" | "shape";
  /** Decoded values, `a` being the reference; null when the shapes differ. */
  readonly values: ValuesDifference | null;
}

export interface ValuesDifference {
  readonly elements: number;
  /** Elements that are not equal; NaN equals NaN. */
  readonly differing: number;
  readonly nan: { readonly a: number; readonly b: number };
  readonly infinite: { readonly a: number; readonly b: number };
  /** Over pairs of finite numbers; null when there is none. */
  readonly error: ErrorFigures | null;
}

export interface FileDifference {
  /** Relative to the package, with slashes. */
  readonly path: string;
  /** Bytes; null where it is missing. */
  readonly a: number | null;
  readonly b: number | null;
  readonly identical: boolean;
}
