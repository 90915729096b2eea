import { createHash } from "node:crypto";
import type { Diagnostic } from "../diagnostics.ts";
import type { HostTensors } from "../run/host-tensor.ts";
import type { ComparedPositions } from "./positions.ts";

/** One call of a package, and what of its outputs counts. */
export interface InputSet {
  readonly name: string;
  /** Under the names of the plan; images as int32 [1, channels, height, width], RGB, 0 to 255. */
  readonly inputs: HostTensors;
  readonly compare: ComparedPositions;
}

/** Every call a package is tried with. */
export interface InputSuite {
  /** What made the numbers; absent where the user brought them. */
  readonly seed?: number;
  readonly sets: readonly InputSet[];
  readonly diagnostics: readonly Diagnostic[];
}

/** SHA-256 over names, types, shapes and values (little-endian) of all inputs, in hexadecimal. */
export function digestOf(sets: readonly InputSet[]): string {
  const hash = createHash("sha256");
  for (const { name, inputs } of sets) {
    for (const [input, { dtype, shape, data }] of Object.entries(inputs)) {
      hash.update(`${JSON.stringify([name, input, dtype, shape])}\n`);
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return hash.digest("hex");
}
