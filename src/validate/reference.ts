import type { HostTensors } from "../run/host-tensor.ts";
import type { InputSet } from "./input-set.ts";

export type ReferenceKind = "golden" | "checkpoint" | "onnx";

/** What a package is compared with. */
export interface Reference {
  /**
   * `golden`: inputs and outputs the user saved. `checkpoint`: our float32 graph over the checkpoint's own bytes, which
   * catches errors of writing, precision and execution, not a misread architecture. `onnx`: the repository's own file.
   */
  readonly kind: ReferenceKind;
  /** For people; never a path. */
  readonly name: string;
  /** Calls it brings along; they replace the suite. */
  readonly sets?: readonly InputSet[];
  /** Outputs of the plan, by name, that it says nothing about: they are not compared, and the verdict says so. */
  readonly notGiven?: readonly string[];
  /** What the model gives for a call, under the names of the plan. @throws ConversionError when it cannot say */
  outputs(set: InputSet): Promise<HostTensors>;
}

/** A reference that cannot be had: nothing is compared, and the verdict says why. */
export interface UnavailableReference {
  readonly kind: ReferenceKind;
  readonly name: string;
  /** As the end of "not run: ...". */
  readonly reason: string;
}

/** @param run executes the float32 graph of the same plan over the checkpoint's bytes */
export const checkpointReference = (name: string, run: (inputs: HostTensors) => Promise<HostTensors>): Reference => ({
  kind: "checkpoint",
  name,
  outputs: (set) => run(set.inputs),
});
