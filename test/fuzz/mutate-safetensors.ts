import { extremeLongs } from "./extremes.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateJson } from "./mutate-json.ts";
import type { Random } from "./random.ts";

const LENGTH_BYTES = 8;
/** Characters: a longer header was nested or stretched before, too deep to be changed again. */
const MAX_HEADER = 9000;
const dtypes = "BOOL F4 F6_E2M3 F8_E4M3 F8_E5M2 F8_E8M0 U8 I8 I16 U16 F16 BF16 I32 U32 F32 I64 U64 F64 C64 f32 X".split(
  " ",
);

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

function build(header: Uint8Array, data: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}

/** One to three changes to a safetensors file: its length field, the JSON of its header, one tensor's entry, its data. */
export function mutateSafetensors(file: Buffer, random: Random): Buffer {
  let changed = file;
  for (let left = 1 + random.below(2); left > 0; left--) {
    const split = splitOf(changed);
    changed = split && !random.chance(0.2) ? mutateParts(changed, split, random) : mutateBytes(changed, random);
  }
  return changed;
}

/** Where the data begins, while there is a header that can be read. */
function splitOf(file: Buffer): { readonly json: string; readonly data: Buffer } | undefined {
  if (file.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + Number(file.readBigUInt64LE(0));
  const json = file.subarray(LENGTH_BYTES, end).toString();
  if (json.length > MAX_HEADER) return undefined;
  try {
    return typeof JSON.parse(json) === "object" ? { json, data: file.subarray(end) } : undefined;
  } catch {
    return undefined;
  }
}

function mutateParts(file: Buffer, { json, data }: { json: string; data: Buffer }, random: Random): Buffer {
  switch (random.below(8)) {
    case 0: {
      const near = [1, -1, 8, -8].map((d) => BigInt(Buffer.byteLength(json) + d));
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeBigUInt64LE(
        BigInt.asUintN(64, random.pick([...extremeLongs, ...near, BigInt(file.length), BigInt(file.length - 8)])),
      );
      return Buffer.concat([length, file.subarray(LENGTH_BYTES)]);
    }
    case 1:
      return build(
        Buffer.concat([Buffer.from(json), Buffer.alloc(random.below(40), random.pick([0x20, 0, 0x0a, 0x7d]))]),
        data,
      );
    case 2:
    case 3:
      return build(mutateJson(json, random), data);
    case 4:
      return build(
        Buffer.from(json),
        random.chance(0.5) ? data.subarray(0, random.below(data.length + 1)) : mutateBytes(data, random),
      );
    default:
      return build(Buffer.from(JSON.stringify(withEntryChanged(JSON.parse(json), random))), data);
  }
}

/** One tensor of another type, shape or place: what a reader must check against the rest. */
function withEntryChanged(header: Header, random: Random): Header {
  const names = Object.keys(header).filter((n) => n !== "__metadata__");
  const entry = header[random.pick(names)];
  const other = header[random.pick(names)];
  if (!Array.isArray(entry?.shape) || !Array.isArray(entry.data_offsets) || !Array.isArray(other?.data_offsets))
    return header;
  const shift = random.pick([1, -1, 4, -4, 64, -64, 2 ** 31, 2 ** 53]);
  const axis = random.below(entry.shape.length);
  const [begin, end] = entry.data_offsets;
  switch (random.below(9)) {
    case 0:
      entry.dtype = random.pick(dtypes);
      break;
    case 1:
      // Half as wide, half as many: the sizes still agree.
      entry.dtype = random.pick(["F16", "BF16", "I16"]);
      entry.data_offsets = [begin, begin + (end - begin) / 2];
      break;
    case 2:
      entry.shape[axis] = random.pick([0, 1, -1, 2 ** 31, 2 ** 53, (entry.shape[axis] ?? 1) + 1, 1e300]);
      break;
    case 3:
      entry.shape = random.pick([
        [],
        [0],
        entry.shape.toReversed(),
        [...entry.shape, 1],
        [0, 2 ** 53, 2 ** 53],
        Array<number>(65).fill(1),
      ]);
      break;
    case 4:
      entry.data_offsets = random.pick([
        other.data_offsets,
        [end, begin],
        [begin + shift, end + shift],
        [begin, end + shift],
        [0, 0],
      ]);
      break;
    case 5:
      header[random.pick(names)] = { ...entry };
      break;
    case 6:
      delete header[random.pick(names)];
      break;
    case 7:
      header[`${random.pick(names)}.extra`] = { dtype: "F32", shape: [0], data_offsets: [end, end] };
      break;
    default:
      entry.dtype = random.pick(["I32", "U32"]);
  }
  return header;
}
