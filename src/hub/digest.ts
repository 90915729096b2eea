import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Digest } from "./repository-files.ts";

/**
 * The digest of a file as the Hub computes it, in hexadecimal.
 * @throws what the file system throws, and what the signal was aborted with
 */
export async function digestOf(
  path: string,
  algorithm: Digest["algorithm"],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash(algorithm === "sha256" ? "sha256" : "sha1");
  // https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
  if (algorithm === "git-sha1") hash.update(`blob ${(await stat(path)).size}\0`);
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
  return hash.digest("hex");
}
