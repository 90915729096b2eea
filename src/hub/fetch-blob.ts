import { mkdir } from "node:fs/promises";
import type { RepositoryCache } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import { fetchRange } from "./fetch-range.ts";
import { FileLocation } from "./location.ts";
import { inParallel } from "./parallel.ts";
import { PartialFile } from "./partial-file.ts";
import { hubError } from "./refusal.ts";
import type { Commit, RemoteFile } from "./repository-files.ts";
import { RunningDigest } from "./running-digest.ts";

/** The longest range asked for at once: what a killed process loses, times the connections. */
export const RANGE_BYTES = 8 << 20;
/** More do not make a fast server faster, and cost this process time: 8 take a quarter longer on loopback. */
const CONNECTIONS = 4;
/** Bytes may be damaged on their way once. */
const MAX_FETCHES = 2;

/** Hears how many bytes have arrived since the last time; negative when they were thrown away. */
export type OnBytes = (bytes: number) => void;

/**
 * Fetches a file's contents into the cache's blob, which appears when its size and digest are right. What an earlier process
 * left is used.
 * @throws ConversionError; the client's signal's reason, after noting what has arrived
 */
export async function fetchBlob(
  client: HubClient,
  commit: Commit,
  file: RemoteFile,
  cache: RepositoryCache,
  onBytes: OnBytes,
): Promise<void> {
  const { size, digest, path } = file;
  await mkdir(cache.blobs, { recursive: true });
  for (let fetches = 1; ; fetches++) {
    const partial = await PartialFile.open(cache.partial(digest));
    let found: string;
    try {
      found = await fetchMissing(client, commit, file, partial, onBytes);
    } finally {
      await partial.close();
    }
    if (found === digest.hex) return await partial.moveTo(cache.blob(digest), size);
    await partial.remove();
    onBytes(-size);
    if (fetches < MAX_FETCHES) continue;
    const message = `the ${size} bytes of ${path} have ${digest.algorithm} ${found}, expected ${digest.hex}`;
    throw hubError("hub.digest", message, {
      path: client.subject.id,
      hint: "a proxy or a mirror between this machine and the Hub may change files",
    });
  }
}

/** @returns the digest of what is there then, in hexadecimal */
async function fetchMissing(
  client: HubClient,
  commit: Commit,
  file: RemoteFile,
  partial: PartialFile,
  onBytes: OnBytes,
): Promise<string> {
  const { digest, size } = file;
  const isLong = digest.algorithm === "sha256" && size > RANGE_BYTES;
  await using running = isLong ? new RunningDigest(partial.path, size) : undefined;
  const ranges = partial.missing(size, RANGE_BYTES);
  onBytes(size - ranges.reduce((sum, { start, end }) => sum + end - start, 0));
  const location = new FileLocation(commit, file);
  await inParallel(ranges, CONNECTIONS, client.signal, async (range, signal) => {
    let end = range.start;
    try {
      await fetchRange(client.until(signal), location, file, range, (bytes, at) => {
        partial.write(bytes, at);
        end = at + bytes.length;
        onBytes(bytes.length);
      });
    } finally {
      await partial.note({ start: range.start, end });
    }
    running?.reached(partial.reached);
  });
  if (!running) return digestOf(partial.path, digest.algorithm, client.signal);
  running.reached(size);
  return await running.result(client.signal);
}
