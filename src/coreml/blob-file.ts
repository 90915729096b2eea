// MILBlob storage v2: https://github.com/apple/coremltools/blob/9.0/mlmodel/src/MILBlob/Blob/StorageFormat.hpp
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { fail } from "../diagnostics.ts";
import { bitsOf, byteLength, type DType, elementCount } from "../tensor/dtype.ts";
import { RandomAccessFile } from "../tensor/random-access-file.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { blobCode, blobDType } from "./dtypes.ts";

const ALIGNMENT = 64;
const SENTINEL = 0xdeadbeef;
const VERSION = 2;
/** How much of a tensor is in memory at a time while it is copied. */
const CHUNK = 4 << 20;

interface Blob {
  readonly tensor: LazyTensor;
  readonly offset: number;
}

/** Where each tensor will stand in the weight file. Offsets are fixed before a byte is written, equal keys share one. */
export class BlobLayout {
  readonly blobs: Blob[] = [];
  private readonly known = new Map<string, number>();
  private end = ALIGNMENT;

  /** The offset to refer to the tensor by: that of its metadata. */
  add(tensor: LazyTensor): number {
    const key = `${tensor.dtype} ${tensor.shape} ${tensor.key}`;
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const offset = Math.ceil(this.end / ALIGNMENT) * ALIGNMENT;
    this.blobs.push({ tensor, offset });
    this.known.set(key, offset);
    this.end = offset + ALIGNMENT + byteLength(tensor.dtype, elementCount(tensor.shape));
    return offset;
  }

  /** Bytes of the whole file; 0 when there is nothing to write. */
  get size(): number {
    return this.blobs.length === 0 ? 0 : this.end;
  }
}

/** Called now and then while a file is written: for progress, and as the place to stop. */
export type Tick = (bytesWritten: number) => void | Promise<void>;

/**
 * Streams the tensors into `path`, a few MB at a time.
 * @throws what the file system throws (ENOSPC), and ConversionError when a tensor cannot be read
 */
export async function writeBlobFile(path: string, layout: BlobLayout, tick?: Tick): Promise<void> {
  const file = openSync(path, "w");
  try {
    const buffer = new Uint8Array(CHUNK);
    const put = (bytes: Uint8Array, at: number): void => {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
    };
    const header = new DataView(new ArrayBuffer(ALIGNMENT));
    header.setUint32(0, layout.blobs.length, true);
    header.setUint32(4, VERSION, true);
    put(new Uint8Array(header.buffer), 0);
    for (const { tensor, offset } of layout.blobs) {
      const count = elementCount(tensor.shape);
      const size = byteLength(tensor.dtype, count);
      put(metadata(tensor, size, count, offset), offset);
      // Whole bytes hold whole runs of 8 elements, so a chunk of any sub-byte type starts on a byte.
      const step = Math.floor((CHUNK * 8) / bitsOf[tensor.dtype] / 8) * 8;
      for (let start = 0; start < count; start += step) {
        const n = Math.min(step, count - start);
        const bytes = buffer.subarray(0, byteLength(tensor.dtype, n));
        tensor.read(start, n, bytes);
        const at = (start * bitsOf[tensor.dtype]) / 8;
        put(bytes, offset + ALIGNMENT + at);
        await tick?.(offset + ALIGNMENT + at + bytes.length);
      }
    }
    ftruncateSync(file, layout.size);
  } finally {
    closeSync(file);
  }
}

function metadata(tensor: LazyTensor, size: number, count: number, offset: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(ALIGNMENT));
  view.setUint32(0, SENTINEL, true);
  view.setUint32(4, blobCode(tensor.dtype) as number, true);
  view.setBigUint64(8, BigInt(size), true);
  view.setBigUint64(16, BigInt(offset + ALIGNMENT), true);
  view.setBigUint64(24, BigInt(bitsOf[tensor.dtype] < 8 ? size * 8 - count * bitsOf[tensor.dtype] : 0), true);
  return new Uint8Array(view.buffer);
}

/** A weight file opened for reading. Tensors stay on disk until they are read. */
export class BlobReader {
  private readonly file: RandomAccessFile;
  private readonly name: string;

  /**
   * @param name begins the keys of its tensors: each weight file of a package has its own
   * @throws ConversionError `package.weights` when the header is not that of a weight file, `file.*`
   */
  constructor(path: string, name = "blob") {
    this.name = name;
    this.file = new RandomAccessFile(path);
    try {
      const version = this.view(0).getUint32(4, true);
      if (version !== VERSION) this.broken(`version ${version}, expected ${VERSION}`);
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  private broken(what: string): never {
    return fail("unreadable", "package.weights", what, { path: this.file.path });
  }

  /** Header or metadata. */
  private view(offset: number): DataView {
    const end = offset + ALIGNMENT;
    if (offset < 0 || end > this.file.size) this.broken(`bytes ${offset} to ${end} of ${this.file.size}`);
    const bytes = new Uint8Array(ALIGNMENT);
    this.file.read(offset, bytes);
    return new DataView(bytes.buffer);
  }

  /**
   * The tensor whose metadata stands at `offset`.
   * @throws ConversionError `package.weights` when sentinel, dtype or size are not those of the tensor wanted
   */
  tensor(offset: number, dtype: DType, shape: readonly number[]): LazyTensor {
    if (offset % ALIGNMENT !== 0) this.broken(`blob offset ${offset} is no multiple of ${ALIGNMENT}`);
    const meta = this.view(offset);
    if (meta.getUint32(0, true) !== SENTINEL) this.broken(`no blob at offset ${offset}`);
    const found = blobDType(meta.getUint32(4, true));
    if (found !== dtype)
      this.broken(
        `blob at ${offset} holds ${found ?? `elements of code ${meta.getUint32(4, true)}`}, the program says ${dtype}`,
      );
    const [size, start] = [Number(meta.getBigUint64(8, true)), Number(meta.getBigUint64(16, true))];
    const expected = byteLength(dtype, elementCount(shape));
    if (size !== expected) this.broken(`blob at ${offset} has ${size} bytes, ${dtype} [${shape}] has ${expected}`);
    if (start + size > this.file.size)
      this.broken(`blob at ${offset} reaches from ${start} to ${start + size} of ${this.file.size}`);
    return {
      dtype,
      shape,
      key: `${this.name}@${offset}`,
      at: { path: this.file.path, offset: start },
      read: (from, _, out) => this.file.read(start + Math.floor((from * bitsOf[dtype]) / 8), out),
    };
  }

  close(): void {
    this.file.close();
  }
}
