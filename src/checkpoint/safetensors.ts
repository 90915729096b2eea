import { fail } from "../diagnostics.ts";
import { fileTensor } from "../tensor/file-tensor.ts";
import { RandomAccessFile } from "../tensor/random-access-file.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import type { TensorSource } from "./checkpoint.ts";
import { dtypeOf } from "./safetensors-dtype.ts";
import { readSafetensorsHeader, type SafetensorsEntry } from "./safetensors-header.ts";

/** One open safetensors file. */
export interface SafetensorsFile extends TensorSource {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  /** What the writer noted (`format`: `pt`). */
  readonly metadata: ReadonlyMap<string, string>;
  close(): void;
}

function tensorAt(file: RandomAccessFile, entry: SafetensorsEntry): LazyTensor {
  const dtype = dtypeOf.get(entry.dtype);
  if (!dtype) {
    const known = [...dtypeOf.keys()].join(", ");
    const message = `tensor '${entry.name}' has element type ${entry.dtype}, expected one of ${known}`;
    fail("unsupported", "tensor.dtype", message, {
      path: file.path,
      hint: "save the model in float32, float16 or bfloat16",
    });
  }
  return fileTensor(file, entry.begin, dtype, entry.shape, entry.name);
}

/**
 * Opens a safetensors file and checks its header; tensors are read when asked for.
 * @throws ConversionError (unreadable) when the file cannot be read or its header is broken.
 */
export function openSafetensors(path: string): SafetensorsFile {
  const file = new RandomAccessFile(path);
  try {
    const { entries, metadata } = readSafetensorsHeader(file);
    const byName = new Map(entries.map((entry) => [entry.name, entry]));
    const opened = new Map<string, LazyTensor>();
    return {
      path: file.path,
      metadata,
      names: () => [...byName.keys()],
      get(name) {
        const entry = byName.get(name);
        if (!entry) return undefined;
        const tensor = opened.get(name) ?? tensorAt(file, entry);
        opened.set(name, tensor);
        return tensor;
      },
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}
