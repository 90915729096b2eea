/** Protocol buffers as they are on the wire, without a schema: https://protobuf.dev/programming-guides/encoding */
export interface WireField {
  number: number;
  /** 0 varint, 1 eight bytes, 2 bytes with a length, 5 four bytes; 3 and 4 begin and end a group. */
  type: number;
  /** The varint, or what the length counts, or the eight or four bytes. */
  payload: Buffer;
  /** The payload of type 2 read as a message, where that works. */
  fields: WireField[] | undefined;
  /** Written instead of the payload's own length. */
  claimed?: bigint;
}

/** Deepest message that is taken apart. */
const MAX_DEPTH = 24;

/** A varint of at least `width` bytes. */
export function varint(value: bigint, width = 1): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  } while (rest > 0n || bytes.length < width);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) & 127;
  return Buffer.from(bytes);
}

function readVarint(bytes: Buffer, from: number): { readonly value: bigint; readonly end: number } | undefined {
  let value = 0n;
  for (let at = from; at < bytes.length && at < from + 10; at++) {
    const byte = bytes[at] as number;
    value |= BigInt(byte & 127) << BigInt(7 * (at - from));
    if (byte < 128) return { value, end: at + 1 };
  }
  return undefined;
}

/** The fields of a message, or undefined when the bytes are none. */
export function fieldsOf(bytes: Buffer, depth = 0): WireField[] | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (!tag || tag.value < 8n || tag.value > 0xffffffffn) return undefined;
    const [number, type] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
    const size = sizeAt(bytes, tag.end, type);
    if (!size || size.end > bytes.length) return undefined;
    const payload = bytes.subarray(size.start, size.end);
    fields.push({ number, type, payload, fields: type === 2 ? fieldsOf(payload, depth + 1) : undefined });
    at = size.end;
  }
  return fields;
}

function sizeAt(bytes: Buffer, at: number, type: number): { readonly start: number; readonly end: number } | undefined {
  if (type === 1) return { start: at, end: at + 8 };
  if (type === 5) return { start: at, end: at + 4 };
  const read = readVarint(bytes, at);
  if (!read) return undefined;
  if (type === 0) return { start: at, end: read.end };
  return type === 2 ? { start: read.end, end: read.end + Number(read.value) } : undefined;
}

export function bytesOf(fields: readonly WireField[]): Buffer {
  return Buffer.concat(
    fields.flatMap((f) => {
      const body = f.fields ? bytesOf(f.fields) : f.payload;
      const tag = varint(BigInt(f.number * 8 + f.type));
      return f.type === 2 ? [tag, varint(f.claimed ?? BigInt(body.length)), body] : [tag, body];
    }),
  );
}
