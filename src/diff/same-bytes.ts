import { createHash } from "node:crypto";
import { bitsOf, byteLength, elementCount } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import type { Pace } from "./pace.ts";
import type { Weight } from "./weights.ts";

/** Bytes read of each side at a time. */
const CHUNK = 1 << 20;
/** Bytes at each end of a part that its fingerprint covers. */
const FINGERPRINTED = 4096;

const buffers = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)] as const;

/** Whether two weights are decoded in the same way. */
const haveOneForm = (a: Weight, b: Weight): boolean =>
  String(a.decodedBy) === String(b.decodedBy) &&
  a.parts.length === b.parts.length &&
  a.parts.every((p, i) => formOf(p) === formOf(b.parts[i] as LazyTensor));

const formOf = ({ dtype, shape }: LazyTensor): string => `${dtype} [${shape}]`;

/** Whether two weights are stored in the same form with the same bytes. Stops at the first byte that differs. */
export async function haveSameBytes(a: Weight, b: Weight, isOnePlace: SamePlace, pace: Pace): Promise<boolean> {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape) || !haveOneForm(a, b)) return false;
  for (const [i, part] of a.parts.entries()) {
    if (!(await areSame(part, b.parts[i] as LazyTensor, isOnePlace, pace))) return false;
  }
  return true;
}

/** Whether two tensors are known to be the same without reading them. */
export type SamePlace = (a: LazyTensor, b: LazyTensor) => boolean;

async function areSame(a: LazyTensor, b: LazyTensor, isOnePlace: SamePlace, pace: Pace): Promise<boolean> {
  if (isOnePlace(a, b)) return true;
  const count = elementCount(a.shape);
  const step = (CHUNK * 8) / bitsOf[a.dtype];
  // Whole bytes hold whole runs of 8 elements, so a chunk of any sub-byte type starts on a byte.
  const atOnce = Math.floor(step / 8) * 8;
  for (let start = 0; start < count; start += atOnce) {
    const length = Math.min(atOnce, count - start);
    const [left, right] = [a, b].map((t, side) => {
      const bytes = (buffers[side] as Buffer).subarray(0, byteLength(t.dtype, length));
      t.read(start, length, bytes);
      return bytes;
    }) as [Buffer, Buffer];
    if (!left.equals(right)) return false;
    await pace.breathe();
  }
  return true;
}

export interface Fingerprint {
  /** Equal for weights of the same bytes, and hardly ever for others. */
  readonly digest: string;
  /** One element all over, as far as it was read: zeros and ones say nothing about which weight it is. */
  readonly isUniform: boolean;
}

/** Takes form, and the bytes at both ends of each part. */
export function fingerprint({ dtype, shape, parts, decodedBy }: Weight): Fingerprint {
  const hash = createHash("sha1").update(`${dtype} [${shape}] ${decodedBy} ${parts.map(formOf)}`);
  let isUniform = true;
  for (const part of parts) {
    const count = elementCount(part.shape);
    const atOnce = Math.floor((FINGERPRINTED * 8) / bitsOf[part.dtype] / 8) * 8;
    const last = Math.ceil(Math.max(0, count - atOnce) / 8) * 8;
    for (const start of last === 0 ? [0] : [0, last]) {
      const bytes = Buffer.alloc(byteLength(part.dtype, Math.min(atOnce, count - start)));
      part.read(start, Math.min(atOnce, count - start), bytes);
      hash.update(bytes);
      const size = Math.ceil(bitsOf[part.dtype] / 8);
      isUniform &&= bytes.subarray(size).equals(bytes.subarray(0, Math.max(0, bytes.length - size)));
    }
  }
  return { digest: hash.digest("hex"), isUniform };
}
