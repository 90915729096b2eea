import { extremeLongs } from "./extremes.ts";
import type { Random } from "./random.ts";

/** Longest run that is changed at once. */
const MAX_RUN = 256;
/** Longest tail that is put on a file. */
const MAX_TAIL = 4096;

/** One change that knows nothing of the format. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const from = random.below(bytes.length + 1);
  const run = 1 + random.below(random.chance(0.5) ? 8 : MAX_RUN);
  const [before, after] = [bytes.subarray(0, from), bytes.subarray(from + run)];
  const joined = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat([before, ...parts, after]);
  switch (random.below(11)) {
    case 0: {
      if (bytes.length === 0) return Buffer.from([0]);
      const flipped = Buffer.from(bytes);
      const at = random.below(bytes.length);
      flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
      return flipped;
    }
    case 1: {
      if (bytes.length === 0) return Buffer.from([0xff]);
      const set = Buffer.from(bytes);
      set[random.below(bytes.length)] = random.below(256);
      return set;
    }
    case 2:
      return before;
    case 3:
      return joined();
    case 4:
      return joined(Buffer.alloc(run, 0));
    case 5:
      return joined(Buffer.alloc(run, 0xff));
    case 6:
      return Buffer.concat([bytes.subarray(0, from + run), bytes.subarray(from)]);
    case 7: {
      const other = random.below(bytes.length + 1);
      return joined(bytes.subarray(other, other + run));
    }
    case 8: {
      const tail = Buffer.alloc(1 + random.below(MAX_TAIL), random.pick([0, 0x20, 0x7b, 0xff]));
      return Buffer.concat([bytes, tail]);
    }
    case 9: {
      const noise = Buffer.from(Array.from({ length: Math.min(run, 64) }, () => random.below(256)));
      return joined(noise);
    }
    default:
      return withLong(bytes, random.below(Math.max(1, bytes.length - 8)), random.pick(extremeLongs));
  }
}

/** The same bytes with a little-endian 64-bit integer at `at`, where there is room. */
export function withLong(bytes: Buffer, at: number, value: bigint): Buffer {
  const changed = Buffer.from(bytes);
  if (at + 8 <= changed.length) changed.writeBigUInt64LE(BigInt.asUintN(64, value), at);
  return changed;
}
