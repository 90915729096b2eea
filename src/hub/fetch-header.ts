import { type HeaderBytes, headerLength, LENGTH_BYTES } from "../checkpoint/safetensors-header.ts";
import { fail } from "../diagnostics.ts";
import type { HubClient } from "./client.ts";
import { fetchRange } from "./fetch-range.ts";
import type { FileLocation } from "./location.ts";
import type { Range } from "./partial-file.ts";
import type { RemoteFile } from "./repository-files.ts";

/** Holds the header of all but the largest files: one of BERT-base has 25 KB, a shard of a 7B model some 40 KB. */
const FIRST_BYTES = 128 << 10;

/**
 * Fetches the beginning of a safetensors file, as far as its header reaches.
 * @throws ConversionError `hub.*`, or `safetensors.header` when the length of the header cannot be
 */
export async function fetchHeader(client: HubClient, location: FileLocation, file: RemoteFile): Promise<HeaderBytes> {
  const path = `${client.subject.id}/${file.path}`;
  const first = await fetchBytes(client, location, file, { start: 0, end: Math.min(file.size, FIRST_BYTES) });
  const length = LENGTH_BYTES + headerLength(bytesOf(path, file.size, first));
  if (length <= first.length) return bytesOf(path, file.size, first);
  const rest = await fetchBytes(client, location, file, { start: first.length, end: length });
  return bytesOf(path, file.size, Buffer.concat([first, rest]));
}

async function fetchBytes(
  client: HubClient,
  location: FileLocation,
  file: RemoteFile,
  range: Range,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.end - range.start);
  await fetchRange(client, location, file, range, (chunk, at) => bytes.set(chunk, at - range.start));
  return bytes;
}

const bytesOf = (path: string, size: number, bytes: Uint8Array): HeaderBytes => ({
  path,
  size,
  read(offset, out) {
    if (offset + out.length > bytes.length) fail("internal", "file.read", "read beyond the header", { path });
    out.set(bytes.subarray(offset, offset + out.length));
  },
});
