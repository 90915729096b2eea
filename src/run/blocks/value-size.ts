import { fail } from "../../diagnostics.ts";
import { dimsText, isFixed } from "../../mil/dim.ts";
import type { Node } from "../../mil/program.ts";
import { elementCount } from "../../tensor/dtype.ts";

/** Bytes. ONNX Runtime's own bound for some operations; without one for all, a program of a few bytes takes all memory. */
const MAX_VALUE_BYTES = 2 ** 32;
/** Everything is fp32 or int32 while it runs. */
const BYTES_PER_ELEMENT = 4;

/** @throws ConversionError `run.memory` for a node with a result of more than 4 GB */
export function refuseHugeResults({ op, name, outputs }: Node): void {
  for (const { type } of outputs) {
    if (type.kind !== "tensor" || !isFixed(type.shape)) continue;
    if (elementCount(type.shape) * BYTES_PER_ELEMENT <= MAX_VALUE_BYTES) continue;
    const message = `${op} gives ${dimsText(type.shape)}, more than the ${MAX_VALUE_BYTES} bytes a value may have`;
    fail("unsupported", "run.memory", message, { path: name });
  }
}
