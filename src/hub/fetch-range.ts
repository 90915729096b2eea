import type { HubClient } from "./client.ts";
import type { Exchange } from "./exchange.ts";
import type { FileLocation } from "./location.ts";
import type { Range } from "./partial-file.ts";
import { hubError } from "./refusal.ts";
import type { RemoteFile } from "./repository-files.ts";
import { retrying, Transient } from "./retry.ts";

/**
 * Fetches some bytes of a file, chunk by chunk in order, going on where the connection broke.
 * @param onChunk gets the bytes and where in the file they belong
 * @throws ConversionError; the client's signal's reason
 */
export async function fetchRange(
  client: HubClient,
  location: FileLocation,
  file: RemoteFile,
  { start, end }: Range,
  onChunk: (bytes: Uint8Array, at: number) => Promise<void> | void,
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
          await onChunk(chunk, at);
          at += chunk.length;
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
  await retrying(fetchOrExpire, client.pause, client.signal);
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
