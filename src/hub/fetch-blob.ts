import { mkdir } from "node:fs/promises";
import type { RepositoryCache } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import type { Exchange } from "./exchange.ts";
import { FileLocation } from "./location.ts";
import { inParallel } from "./parallel.ts";
import { PartialFile, type Range } from "./partial-file.ts";
import { hubError } from "./refusal.ts";
import type { Commit, RemoteFile } from "./repository-files.ts";
import { retrying, Transient } from "./retry.ts";

/** The longest range asked for at once: what a killed process loses, times the connections. */
export const RANGE_BYTES = 8 << 20;
const CONNECTIONS = 8;
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
    try {
      await fetchMissing(client, commit, file, partial, onBytes);
      await partial.flush();
    } finally {
      await partial.close();
    }
    const found = await digestOf(partial.path, digest.algorithm, client.signal);
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

async function fetchMissing(
  client: HubClient,
  commit: Commit,
  file: RemoteFile,
  partial: PartialFile,
  onBytes: OnBytes,
): Promise<void> {
  const ranges = partial.missing(file.size, RANGE_BYTES);
  onBytes(file.size - ranges.reduce((sum, { start, end }) => sum + end - start, 0));
  const location = new FileLocation(commit, file);
  await inParallel(ranges, CONNECTIONS, client.signal, (range, signal) =>
    fetchRange(client.until(signal), location, file, partial, range, onBytes),
  );
}

async function fetchRange(
  client: HubClient,
  location: FileLocation,
  file: RemoteFile,
  partial: PartialFile,
  { start, end }: Range,
  onBytes: OnBytes,
): Promise<void> {
  let at = start;
  const fetchRest = async (progressed: () => void): Promise<void> => {
    if (at === end) return;
    const url = await location.address(client);
    const isWhole = at === 0 && end === file.size;
    const answer = await client.open(url, isWhole ? {} : { range: `bytes=${at}-${end - 1}` });
    try {
      checkExtent(answer, file, at, isWhole, client.subject.id);
      await client.reading(answer.url, async () => {
        for await (const chunk of answer.chunks()) {
          if (at + chunk.length > end) throw wrongLength(file, `more than ${end - start} bytes`, client.subject.id);
          await partial.write(chunk, at);
          at += chunk.length;
          onBytes(chunk.length);
          progressed();
        }
      });
    } finally {
      await answer.discard();
    }
    if (at < end) throw new Transient(wrongLength(file, `${at - start} bytes of ${end - start}`, client.subject.id));
  };
  const fetchOrExpire = async (progressed: () => void): Promise<void> => {
    try {
      await fetchRest(progressed);
    } catch (error) {
      if (error instanceof Transient) location.expire();
      throw error;
    }
  };
  try {
    await retrying(fetchOrExpire, client.pause, client.signal);
  } finally {
    await partial.note({ start, end: at });
  }
}

/** @throws ConversionError when an answer holds other bytes than those asked for */
function checkExtent(answer: Exchange, file: RemoteFile, at: number, isWhole: boolean, id: string): void {
  const { status, headers } = answer;
  if (isWhole) {
    const length = headers.get("content-length");
    if (status !== 200) throw wrongLength(file, `HTTP ${status} to a request for all of it`, id);
    if (length !== null && Number(length) !== file.size) throw wrongLength(file, `${length} bytes`, id);
    return;
  }
  const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (status === 206 && Number(first) === at && Number(total) === file.size) return;
  const found = status === 206 ? `'${headers.get("content-range")}'` : `HTTP ${status}`;
  throw wrongLength(file, `${found} to a request for the bytes from ${at}`, id);
}

const wrongLength = (file: RemoteFile, found: string, id: string) =>
  hubError("hub.length", `the server gave ${found} for ${file.path}, which has ${file.size} bytes`, {
    path: id,
    hint: "a proxy or a mirror between this machine and the Hub may change files",
  });
