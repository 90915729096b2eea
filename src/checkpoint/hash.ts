import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { WeightFile } from "./checkpoint.ts";

/**
 * The SHA-256 of a checkpoint's weights in hexadecimal: of the file, or of the sorted lines `name hash` of several.
 * @throws what the file system throws, and what `signal` was aborted with
 */
export async function weightsSha256(files: readonly WeightFile[], signal?: AbortSignal): Promise<string> {
  const hashes = new Map<string, string>();
  for (const { name, path } of files) hashes.set(name, await fileSha256(path, signal));
  return combined(hashes);
}

/** One hash for the weights, from the SHA-256 of each file by its name. */
export function combined(hashes: ReadonlyMap<string, string>): string {
  const [first, ...more] = hashes.values();
  if (first !== undefined && more.length === 0) return first;
  const lines = Array.from(hashes, ([name, hash]) => `${name} ${hash}\n`);
  return createHash("sha256").update(lines.sort().join("")).digest("hex");
}

async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal ? { signal } : {});
  return hash.digest("hex");
}
