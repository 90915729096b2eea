import type { Diagnostic } from "../diagnostics.ts";
import type { Comparison } from "./comparison.ts";
import type { ReferenceKind } from "./reference.ts";
import type { Verdict } from "./verdict.ts";

/** What one package did on every input set. All of it but `measured` is the same each time it is made. */
export interface PackageValidation {
  readonly verdict: Verdict;
  readonly reference: { readonly kind: ReferenceKind; readonly name: string };
  readonly inputs: {
    /** Null where the user brought the inputs. */
    readonly seed: number | null;
    /** Of names, types, shapes and values of all inputs. */
    readonly sha256: string;
  };
  /** The labels the package knows, against the plan's; null for a model that is no classifier. */
  readonly classes: ClassesComparison | null;
  readonly sets: readonly SetResult[];
  /** Float16 only: how far rounding after every operation takes each output from not rounding, where it is farthest. */
  readonly precisionSpread: readonly PrecisionSpread[];
  readonly diagnostics: readonly Diagnostic[];
  readonly measured: ValidationMeasurements;
}

export interface ClassesComparison {
  readonly passed: boolean;
  readonly actual: number;
  readonly expected: number;
}

/** One call. */
export interface SetResult {
  readonly name: string;
  readonly passed: boolean;
  readonly comparisons: readonly Comparison[];
  /** Outputs of the reference that the package does not give. */
  readonly missing: readonly string[];
  /** Outputs of the package that the reference does not give. */
  readonly extra: readonly string[];
  /** A classifier's answer; null for a model that is none. */
  readonly label: LabelComparison | null;
}

export interface LabelComparison {
  readonly passed: boolean;
  readonly actual: string | null;
  readonly expected: string | null;
  /** The labels differ, and the reference's two probabilities are a tie. */
  readonly tie: boolean;
}

export interface PrecisionSpread {
  readonly output: string;
  readonly set: string;
  readonly maxAbsolute: number;
  readonly maxReference: number;
  readonly rms: number;
}

export interface ValidationMeasurements {
  /** Runs of the package, all modes. */
  readonly runs: number;
  /** The largest resident set of a process that ran the package, in bytes. */
  readonly peakMemory: number;
  readonly seconds: number;
}
