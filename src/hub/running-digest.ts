import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

// Tests run from the sources, and Node 20 runs none: the thread is always started from what was built.
const script = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../dist/hub/digest-worker.js" : "./digest-worker.js", import.meta.url),
);

/** The SHA-256 of a file, computed while it arrives. */
export class RunningDigest implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #result: Promise<string>;

  /** @param size of the whole file, in bytes; not 0 */
  constructor(path: string, size: number) {
    this.#worker = new Worker(script, { workerData: { path, size }, execArgv: [] });
    this.#result = once(this.#worker, "message").then(([hex]) => hex as string);
    // Heard when the result is asked for.
    this.#result.catch(() => undefined);
  }

  /** Says that the first `bytes` bytes have their final values. */
  reached(bytes: number): void {
    this.#worker.postMessage(bytes);
  }

  /** In hexadecimal, once all bytes were reached. @throws what the file system throws; the signal's reason */
  async result(signal: AbortSignal | undefined): Promise<string> {
    if (!signal) return this.#result;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    signal.throwIfAborted();
    return Promise.race([this.#result, aborted]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
