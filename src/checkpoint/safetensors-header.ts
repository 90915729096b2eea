import { fail } from "../diagnostics.ts";
import { Faults } from "./faults.ts";
import { parseJson } from "./json.ts";
import { isRecord } from "./json-file.ts";
import { bitsOfFormat } from "./safetensors-dtype.ts";

/** The header of a safetensors file: https://huggingface.co/docs/safetensors#format */

/** The limit of the format's own reader. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The largest mixtures of experts have some 100,000 tensors; a header of 100 MB could claim ten times this. */
export const MAX_TENSORS = 250_000;
/** PyTorch tensors have at most 64 axes. */
const MAX_RANK = 64;
/** A header is an object of objects of arrays. */
const MAX_DEPTH = 4;
/** The length of the header, a little-endian 64-bit integer, comes first. */
export const LENGTH_BYTES = 8;

/** One tensor of a file; `begin` and `end` are byte offsets in the file. */
export interface SafetensorsEntry {
  readonly name: string;
  /** The format's name of the type: `F32`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the header's order. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** The bytes of a file, or as many of its first ones as hold the header. */
export interface HeaderBytes {
  /** What errors call the file. */
  readonly path: string;
  /** Of the whole file. */
  readonly size: number;
  /** Fills `out` with the bytes from `offset` on. */
  read(offset: number, out: Uint8Array): void;
}

const CODE = "safetensors.header";

/**
 * Reads and checks a header: JSON without duplicates, known types, sizes that fit the shapes, and data that covers the
 * rest of the file without holes and overlaps.
 * @throws ConversionError (`safetensors.header`, unreadable) with all faults found.
 */
export function readSafetensorsHeader(file: HeaderBytes): SafetensorsHeader {
  const length = headerLength(file);
  const header = parseHeader(file, length);
  const faults = new Faults(file.path);
  const metadata = readMetadata(header.__metadata__, faults);
  const dataStart = LENGTH_BYTES + length;
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    const entry = name === "__metadata__" ? undefined : readEntry(name, value, dataStart, file.size, faults);
    if (entry) entries.push(entry);
  }
  faults.throwIfAny("unreadable");
  checkCoverage(entries, dataStart, file.size, faults);
  faults.throwIfAny("unreadable");
  return { entries, metadata };
}

/**
 * How many bytes of JSON follow the first 8.
 * @throws ConversionError (`safetensors.header`, unreadable)
 */
export function headerLength(file: HeaderBytes): number {
  const { path, size } = file;
  if (size < LENGTH_BYTES) {
    fail("unreadable", CODE, `the file has ${size} bytes, too few for a safetensors header`, { path });
  }
  const bytes = new Uint8Array(LENGTH_BYTES);
  file.read(0, bytes);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    const message = `the header claims ${length} bytes, the format allows ${MAX_HEADER_BYTES}`;
    fail("unreadable", CODE, message, { path, hint: "is this a safetensors file?" });
  }
  if (length > BigInt(size - LENGTH_BYTES)) {
    const message = `the header claims ${length} bytes, the file has ${size - LENGTH_BYTES} after its first 8`;
    fail("unreadable", CODE, message, { path, hint: "the file is cut off or no safetensors file" });
  }
  return Number(length);
}

function parseHeader(file: HeaderBytes, length: number): Record<string, unknown> {
  const { path } = file;
  const bytes = new Uint8Array(length);
  file.read(LENGTH_BYTES, bytes);
  if (bytes[0] !== "{".charCodeAt(0)) fail("unreadable", CODE, "the header does not start with '{'", { path });
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return fail("unreadable", CODE, "the header is not UTF-8 text", { path });
  }
  let header: unknown;
  try {
    header = parseJson(text, { maxDepth: MAX_DEPTH, duplicates: "reject" });
  } catch (cause) {
    return fail("unreadable", CODE, `the header is invalid JSON: ${(cause as Error).message}`, { path });
  }
  if (!isRecord(header)) return fail("unreadable", CODE, "the header is no JSON object", { path });
  const tensors = Object.keys(header).length;
  if (tensors > MAX_TENSORS) {
    fail("unreadable", CODE, `the header lists ${tensors} tensors, at most ${MAX_TENSORS} are read`, { path });
  }
  return header;
}

function readMetadata(value: unknown, faults: Faults): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!isRecord(value)) {
    faults.add(CODE, "__metadata__ is no object of strings");
    return metadata;
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === "string") metadata.set(key, text);
    else faults.add(CODE, `__metadata__ has a value that is no string under '${key}'`);
  }
  return metadata;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(
  name: string,
  value: unknown,
  dataStart: number,
  fileSize: number,
  faults: Faults,
): SafetensorsEntry | undefined {
  const refuse = (message: string): undefined => faults.add(CODE, `tensor '${name}': ${message}`) as undefined;
  if (!isRecord(value)) return refuse("expected an object with dtype, shape and data_offsets");
  const { dtype, shape, data_offsets: offsets } = value;
  const bits = typeof dtype === "string" ? bitsOfFormat.get(dtype) : undefined;
  if (typeof dtype !== "string" || bits === undefined) {
    return refuse(`dtype ${JSON.stringify(dtype)} is none of ${[...bitsOfFormat.keys()].join(", ")}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return refuse(`shape ${JSON.stringify(shape)} is no list of non-negative integers`);
  }
  if (shape.length > MAX_RANK) return refuse(`${shape.length} axes, at most ${MAX_RANK} are possible`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return refuse(`data_offsets ${JSON.stringify(offsets)} are no pair of non-negative integers`);
  }
  const [begin, end] = offsets as [number, number];
  const dataBytes = fileSize - dataStart;
  if (begin > end) return refuse(`data_offsets [${begin}, ${end}] end before they begin`);
  if (end > dataBytes) {
    return refuse(`data_offsets [${begin}, ${end}] reach beyond the ${dataBytes} bytes of data in the file`);
  }
  const expected = sizeOf(shape, bits);
  if (expected !== BigInt(end - begin)) {
    return refuse(`${end - begin} bytes of data, expected ${expected} for ${dtype} [${shape.join(", ")}]`);
  }
  return { name, dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** In bytes; exact, for shapes whose product is far beyond any file. Half a byte too many never equals a size. */
function sizeOf(shape: readonly number[], bits: number): bigint | string {
  const total = shape.reduce((n, d) => n * BigInt(d), BigInt(bits));
  return total % 8n === 0n ? total / 8n : `${total} bits`;
}

/** Data must follow on data without holes and overlaps, from the end of the header to the end of the file. */
function checkCoverage(
  entries: readonly SafetensorsEntry[],
  dataStart: number,
  fileSize: number,
  faults: Faults,
): void {
  let covered = dataStart;
  let previous = "the header";
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    const offset = begin - dataStart;
    if (begin < covered) {
      faults.add(
        CODE,
        `tensor '${name}' begins at data offset ${offset}, within ${previous} (up to ${covered - dataStart})`,
      );
    } else if (begin > covered) {
      const hole = `${begin - covered} bytes of data belong to no tensor`;
      faults.add(
        CODE,
        `${hole}: ${previous} ends at data offset ${covered - dataStart}, tensor '${name}' begins at ${offset}`,
      );
    }
    covered = Math.max(covered, end);
    previous = `tensor '${name}'`;
  }
  if (covered < fileSize) {
    faults.add(
      CODE,
      `${fileSize - covered} bytes of data at the end of the file belong to no tensor (after ${previous})`,
    );
  }
}
