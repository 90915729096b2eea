import type { Diagnostic, ErrorKind } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import type { HostTensors } from "./host-tensor.ts";
import type { Lowered } from "./lower.ts";
import type { Prediction, SessionOptions } from "./session.ts";

/** What the parent asks of the process that runs a package, one at a time. */
export type Request =
  | { readonly kind: "open"; readonly path: string; readonly options: SessionOptions }
  | { readonly kind: "start"; readonly path: string; readonly lowered: Lowered; readonly interface: Interface }
  | { readonly kind: "run"; readonly inputs: HostTensors };

/** What it answers. `peakMemory`: the largest resident set so far, in bytes. */
export type Reply =
  | {
      readonly kind: "opened";
      readonly interface: Interface;
      readonly classes?: readonly (string | number)[];
      readonly roundings: number;
      readonly peakMemory: number;
    }
  | { readonly kind: "ran"; readonly prediction: Prediction; readonly peakMemory: number }
  | { readonly kind: "failed"; readonly error: ErrorKind; readonly diagnostics: readonly Diagnostic[] };
