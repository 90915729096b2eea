import { extremeLongs } from "./extremes.ts";
import { mutateBytes, withLong } from "./mutate-bytes.ts";
import type { Random } from "./random.ts";

const ALIGNMENT = 64;
const SENTINEL = 0xdeadbeef;
/** Highest code of an element type, and some beyond. */
const DTYPE_CODES = 20;

/** One to three changes to a weight file: the header's count and version, or a blob's sentinel, type, size and place. */
export function mutateWeightFile(file: Buffer, random: Random): Buffer {
  let changed = file;
  for (let left = 1 + random.below(3); left > 0; left--) {
    changed = random.chance(0.25) ? mutateBytes(changed, random) : mutateFields(changed, random);
  }
  return changed;
}

function mutateFields(file: Buffer, random: Random): Buffer {
  const blobs: number[] = [];
  for (let at = ALIGNMENT; at + ALIGNMENT <= file.length; at += ALIGNMENT) {
    if (file.readUInt32LE(at) === SENTINEL) blobs.push(at);
  }
  if (blobs.length === 0) return mutateBytes(file, random);
  const [blob, other] = [random.pick(blobs), random.pick(blobs)];
  const changed = Buffer.from(file);
  const longAt = (at: number): bigint => file.readBigUInt64LE(at);
  switch (random.below(9)) {
    case 0:
      changed.writeUInt32LE(random.pick([0, 1, 3, 2 ** 32 - 1, blobs.length + 1]), random.pick([0, 4]));
      return changed;
    case 1:
      changed.writeUInt32LE(random.pick([0, SENTINEL + 1, 0xefbeadde]), blob);
      return changed;
    case 2:
      changed.writeUInt32LE(random.chance(0.8) ? random.below(DTYPE_CODES) : 2 ** 32 - 1, blob + 4);
      return changed;
    case 3:
      return withLong(file, blob + 8, random.pick(extremeLongs));
    case 4:
      return withLong(file, blob + 16, random.pick([...extremeLongs, BigInt(file.length), longAt(other + 16)]));
    case 5:
      return withLong(
        file,
        blob + random.pick([8, 16]),
        longAt(blob + random.pick([8, 16])) + random.pick([1n, -1n, 4n, 64n, -64n]),
      );
    case 6:
      return withLong(file, blob + 24, random.pick(extremeLongs));
    case 7:
      file.copy(changed, blob, other, other + ALIGNMENT);
      return changed;
    default:
      return withPayload(changed, blob, random);
  }
}

/** Values no arithmetic survives: infinities, NaN, the largest and least integers. */
function withPayload(file: Buffer, blob: number, random: Random): Buffer {
  const start = Number(file.readBigUInt64LE(blob + 16));
  const size = Math.min(Number(file.readBigUInt64LE(blob + 8)), file.length - start);
  if (!(start >= 0 && size > 0)) return file;
  const pattern = random.pick(["0000807f", "0000c07f", "ffffff7f", "007c", "ffff", "00000080", "ffffff7f", "00"]);
  file.fill(Buffer.from(pattern, "hex"), start, start + size);
  return file;
}
