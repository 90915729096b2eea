import type { Progress } from "../progress.ts";

/** How long the event loop may be kept from signals and progress, in milliseconds. */
const BREATH = 50;

/** Lets signals and timers run while bytes are compared, stops the work when it was cancelled, and says how far it is. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  readonly #part: string;
  #last = performance.now();
  #done = 0;
  #total = 0;

  constructor(part: string, options: { signal?: AbortSignal; onProgress?: (progress: Progress) => void }) {
    this.#part = part;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
  }

  /** @param total bytes to come */
  begin(total: number): void {
    this.#total = total;
    this.#done = 0;
  }

  async advance(bytes: number): Promise<void> {
    this.#done = Math.min(this.#total, this.#done + bytes);
    this.#onProgress?.({
      phase: "compare",
      part: this.#part,
      done: this.#done,
      total: this.#total,
      unit: "bytes",
    });
    await this.breathe();
  }

  /** @throws what the signal was aborted with */
  async breathe(): Promise<void> {
    if (performance.now() - this.#last > BREATH) {
      await new Promise(setImmediate);
      this.#last = performance.now();
    }
    this.#signal?.throwIfAborted();
  }
}
