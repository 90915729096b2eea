import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { fail } from "../diagnostics.ts";
import { bitsOf, byteLength, type DType, elementCount } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { bitsOfFormat, dtypeOf } from "./safetensors-dtype.ts";

/** Bytes read from a tensor and written at a time. */
const CHUNK_BYTES = 4 << 20;

const formatName: ReadonlyMap<DType, string> = new Map([...dtypeOf].map(([name, dtype]) => [dtype, name]));
const formatOrder = [...bitsOfFormat.keys()];

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly tensor: LazyTensor;
}

/** The order of the format's own writer, so that equal tensors give equal files: wide types first, then by name. */
function ordered(tensors: ReadonlyMap<string, LazyTensor>, path: string): Entry[] {
  const entries = Array.from(tensors, ([name, tensor]) => {
    const dtype = formatName.get(tensor.dtype);
    if (!dtype) fail("unsupported", "tensor.dtype", `safetensors has no ${tensor.dtype} (tensor '${name}')`, { path });
    if (name === "__metadata__") fail("usage", "safetensors.name", "no tensor can be named __metadata__", { path });
    return { name, dtype, tensor };
  });
  return entries.sort(
    (a, b) =>
      formatOrder.indexOf(b.dtype) - formatOrder.indexOf(a.dtype) ||
      Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
}

function headerBytes(entries: readonly Entry[], metadata: ReadonlyMap<string, string>): Buffer {
  const members: [string, unknown][] = metadata.size > 0 ? [["__metadata__", Object.fromEntries(metadata)]] : [];
  let begin = 0;
  for (const { name, dtype, tensor } of entries) {
    const end = begin + byteLength(tensor.dtype, elementCount(tensor.shape));
    members.push([name, { dtype, shape: tensor.shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  // Not an object: it would reorder names that look like integers.
  const text = `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const length = Math.ceil(Buffer.byteLength(text) / 8) * 8;
  const bytes = Buffer.alloc(8 + length, " ");
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(text, 8);
  return bytes;
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done);
}

function writeTensor(descriptor: number, tensor: LazyTensor, chunk: Uint8Array): void {
  const count = elementCount(tensor.shape);
  const atOnce = (chunk.length * 8) / bitsOf[tensor.dtype];
  for (let start = 0; start < count; start += atOnce) {
    const length = Math.min(atOnce, count - start);
    const part = chunk.subarray(0, byteLength(tensor.dtype, length));
    tensor.read(start, length, part);
    writeAll(descriptor, part);
  }
}

/**
 * Writes tensors to a safetensors file, as the format's own writer does, byte by byte. Tensors are streamed; the file
 * appears under its name when it is complete, replacing another.
 * @throws ConversionError for an element type the format lacks, and when a tensor or the disk fails.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, LazyTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): void {
  const entries = ordered(tensors, path);
  const partial = `${path}.${process.pid}.partial`;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(partial, "w");
    writeAll(descriptor, headerBytes(entries, metadata));
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (const { tensor } of entries) writeTensor(descriptor, tensor, chunk);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(partial, path);
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(partial, { force: true });
    if (!(error instanceof Error && "syscall" in error)) throw error;
    fail("output", "safetensors.write", `cannot write the file: ${error.message}`, { path });
  }
}
