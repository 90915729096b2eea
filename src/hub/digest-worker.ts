// Hashes a file that is still being fetched, in a thread of its own: it is told how far the file reaches.
import { createHash } from "node:crypto";
import { openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** A second-level cache holds it: the hash reads what was just copied there. */
const CHUNK = 256 << 10;

const { path, size } = workerData as { readonly path: string; readonly size: number };
const file = openSync(path, "r");
const hash = createHash("sha256");
const chunk = Buffer.allocUnsafe(CHUNK);
let done = 0;

parentPort?.on("message", (reached: number) => {
  while (done < reached) {
    const length = readSync(file, chunk, 0, Math.min(CHUNK, reached - done), done);
    if (length === 0) throw new Error(`${path} ends at byte ${done}`);
    hash.update(chunk.subarray(0, length));
    done += length;
  }
  if (done !== size) return;
  // The file is closed with the thread.
  parentPort?.postMessage(hash.digest("hex"));
  done = Number.POSITIVE_INFINITY;
});
