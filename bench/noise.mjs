import { createCipheriv } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

const CHUNK = 1 << 24;

/** Writes bytes without a period, the same each time. */
export function writeNoise(path, bytes) {
  const cipher = createCipheriv("aes-256-ctr", Buffer.alloc(32, 1), Buffer.alloc(16));
  const file = openSync(path, "w");
  for (let done = 0; done < bytes; done += CHUNK) {
    writeSync(file, cipher.update(Buffer.alloc(Math.min(CHUNK, bytes - done))));
  }
  closeSync(file);
}
