import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * The SHA-256 of a checkpoint's weights in hexadecimal: of the file, or of the sorted lines `name hash` of several.
 * @throws what the file system throws, and what `signal` was aborted with
 */
export async function weightsSha256(files: readonly string[], signal?: AbortSignal): Promise<string> {
  const [first, ...more] = files;
  if (first !== undefined && more.length === 0) return fileSha256(first, signal);
  const lines: string[] = [];
  for (const file of files) lines.push(`${basename(file)} ${await fileSha256(file, signal)}\n`);
  return createHash("sha256").update(lines.sort().join("")).digest("hex");
}

async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal ? { signal } : {});
  return hash.digest("hex");
}
