import { basename } from "node:path";
import { openSafetensors } from "./checkpoint/safetensors.ts";
import { writeSafetensors } from "./checkpoint/write-safetensors.ts";
import { ConversionError, type Diagnostic } from "./diagnostics.ts";
import type { HostTensor, HostTensors } from "./run/host-tensor.ts";
import { isFloat } from "./tensor/dtype.ts";
import { tensorOf, valuesOf } from "./tensor/memory.ts";
import type { LazyTensor } from "./tensor/tensor.ts";

const [MIN_INT32, MAX_INT32] = [-(2 ** 31), 2 ** 31 - 1];

/**
 * Reads the tensors of a safetensors file as a model takes them: floats of any width as float32, integers of any width
 * as int32.
 * @throws ConversionError `input.range` listing every tensor with an integer beyond 32 bits; what reading the file throws
 */
export function readTensors(path: string): HostTensors {
  const file = openSafetensors(path);
  try {
    const problems: Diagnostic[] = [];
    const tensors = file.names().map((name): [string, HostTensor] => {
      const tensor = file.get(name) as LazyTensor;
      const { shape, dtype } = tensor;
      const values = valuesOf(tensor);
      if (isFloat(dtype)) return [name, { dtype: "fp32", shape, data: Float32Array.from(values) }];
      const at = values.findIndex((v: number) => v < MIN_INT32 || v > MAX_INT32);
      if (at !== -1) {
        const message = `tensor '${name}' holds ${values[at]} at ${at}, beyond int32 (${MIN_INT32} to ${MAX_INT32})`;
        problems.push({ code: "input.range", severity: "error", path: basename(path), message });
      }
      return [name, { dtype: "int32", shape, data: Int32Array.from(values) }];
    });
    if (problems.length > 0) throw new ConversionError("usage", problems);
    return Object.fromEntries(tensors);
  } finally {
    file.close();
  }
}

/** Writes tensors to a safetensors file. @throws ConversionError when it cannot be written */
export function writeTensors(path: string, tensors: HostTensors): void {
  const entries = Object.entries(tensors);
  writeSafetensors(path, new Map(entries.map(([name, t]) => [name, tensorOf(t.dtype, t.shape, t.data, name)])));
}
