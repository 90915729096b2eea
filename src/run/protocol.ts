import type { Diagnostic, ErrorKind } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import type { HostTensors } from "./host-tensor.ts";
import type { Lowered } from "./lower.ts";
import type { OnnxFileLocation, OnnxSignature } from "./onnx-file/onnx-file.ts";
import type { Prediction, SessionOptions } from "./session.ts";

/** What the parent asks of the process that runs a package, one at a time. */
export type Request =
  | {
      readonly kind: "open";
      readonly path: string;
      readonly options: SessionOptions;
      /** Where the file with decoded weights goes, if there is need of one. */
      readonly spill: string;
    }
  | { readonly kind: "start"; readonly path: string; readonly lowered: Lowered; readonly interface: Interface }
  | { readonly kind: "open-onnx"; readonly file: OnnxFileLocation }
  | { readonly kind: "run"; readonly inputs: HostTensors }
  /** For a package that runs in blocks: several calls share the opening of each. */
  | { readonly kind: "run-all"; readonly calls: readonly HostTensors[] };

/** What it answers. `peakMemory`: the largest resident set so far, in bytes. */
export type Reply =
  | {
      readonly kind: "opened";
      readonly interface: Interface;
      readonly classes?: readonly (string | number)[];
      readonly roundings: number;
      readonly blocks: number;
      readonly peakMemory: number;
    }
  | { readonly kind: "opened-onnx"; readonly signature: OnnxSignature; readonly peakMemory: number }
  | { readonly kind: "ran"; readonly prediction: Prediction; readonly peakMemory: number }
  | { readonly kind: "ran-all"; readonly results: readonly (Prediction | Failure)[]; readonly peakMemory: number }
  | Failure;

export interface Failure {
  readonly kind: "failed";
  readonly error: ErrorKind;
  readonly diagnostics: readonly Diagnostic[];
}
