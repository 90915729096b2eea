import { fail } from "../diagnostics.ts";
import type { DType } from "../tensor/dtype.ts";
import { fileTensor } from "../tensor/file-tensor.ts";
import { RandomAccessFile } from "../tensor/random-access-file.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import type { TensorSource } from "./checkpoint.ts";
import { dtypeOf } from "./safetensors-dtype.ts";
import { type HeaderBytes, readSafetensorsHeader, type SafetensorsEntry } from "./safetensors-header.ts";

/** One open safetensors file. */
export interface SafetensorsFile extends TensorSource {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  /** What the writer noted (`format`: `pt`). */
  readonly metadata: ReadonlyMap<string, string>;
  close(): void;
}

/**
 * Opens a safetensors file and checks its header; tensors are read when asked for.
 * @throws ConversionError (unreadable) when the file cannot be read or its header is broken.
 */
export function openSafetensors(path: string): SafetensorsFile {
  const file = new RandomAccessFile(path);
  try {
    const tensor = (entry: SafetensorsEntry, dtype: DType) =>
      fileTensor(file, entry.begin, dtype, entry.shape, entry.name);
    return { ...tensorsOf(file, tensor), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * A safetensors file of which only the header is at hand: names, types and shapes are known, values are not.
 * @throws ConversionError (unreadable) when the header is broken.
 */
export function outlineSafetensors(bytes: HeaderBytes): SafetensorsFile {
  const tensor = ({ name, shape }: SafetensorsEntry, dtype: DType): LazyTensor => ({
    dtype,
    shape,
    key: name,
    read: () => fail("internal", "tensor.outline", `the values of '${name}' are not at hand`, { path: bytes.path }),
  });
  return { ...tensorsOf(bytes, tensor), close: () => undefined };
}

type MakeTensor = (entry: SafetensorsEntry, dtype: DType) => LazyTensor;

function tensorsOf(bytes: HeaderBytes, make: MakeTensor): Omit<SafetensorsFile, "close"> {
  const { entries, metadata } = readSafetensorsHeader(bytes);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const opened = new Map<string, LazyTensor>();
  return {
    path: bytes.path,
    metadata,
    names: () => [...byName.keys()],
    get(name) {
      const entry = byName.get(name);
      if (!entry) return undefined;
      const tensor = opened.get(name) ?? make(entry, checkedType(entry, bytes.path));
      opened.set(name, tensor);
      return tensor;
    },
  };
}

function checkedType(entry: SafetensorsEntry, path: string): DType {
  const dtype = dtypeOf.get(entry.dtype);
  if (dtype) return dtype;
  const known = [...dtypeOf.keys()].join(", ");
  const message = `tensor '${entry.name}' has element type ${entry.dtype}, expected one of ${known}`;
  return fail("unsupported", "tensor.dtype", message, {
    path,
    hint: "save the model in float32, float16 or bfloat16",
  });
}
