import { setTimeout } from "node:timers/promises";
import type { ConversionError } from "../diagnostics.ts";

/** The rule of huggingface_hub (`http_backoff`): these statuses and network errors, five times, 1 s doubling to 8 s. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const MAX_RETRIES = 5;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 8_000;
/** The Hub counts requests in windows of five minutes; nobody waits longer for a window to end. */
const LONGEST_ASKED_WAIT_MS = 310_000;

export type Pause = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** A failure that may not happen again. */
export class Transient extends Error {
  override readonly name = "Transient";
  /** What is thrown when it happens again and again. */
  readonly error: ConversionError;
  /** How long the server asks to wait, in milliseconds. */
  readonly wait: number | undefined;

  constructor(error: ConversionError, wait?: number) {
    super(error.message);
    this.error = error;
    this.wait = wait;
  }
}

export const isTransient = (status: number): boolean => TRANSIENT_STATUSES.has(status);

/**
 * How long an answer asks to wait, in milliseconds: until the window of an exhausted `RateLimit` ends, else
 * `Retry-After`. https://huggingface.co/docs/hub/rate-limits
 */
export function askedWait(status: number, headers: Headers): number | undefined {
  const limit = headers.get("ratelimit") ?? "";
  const reset = /;\s*t=(\d+)/.exec(limit)?.[1];
  if (status === 429 && reset !== undefined && /;\s*r=0\s*(;|$)/.test(limit)) return (Number(reset) + 1) * 1_000;
  const after = headers.get("retry-after");
  if (after === null) return undefined;
  const wait = /^\d+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

export const pause: Pause = async (milliseconds, signal) => {
  try {
    await setTimeout(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
};

/**
 * Runs an operation until it succeeds or fails for good. One that made headway says so with `progressed`, and its
 * failures are counted anew.
 * @throws the error of the last `Transient`, anything else that the operation throws, and the signal's reason
 */
export async function retrying<T>(
  operation: (progressed: () => void) => Promise<T>,
  wait: Pause,
  signal?: AbortSignal,
): Promise<T> {
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await operation(() => {
        failures = 0;
      });
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      failures++;
      if (failures > MAX_RETRIES || (error.wait ?? 0) > LONGEST_ASKED_WAIT_MS) throw error.error;
      await wait(error.wait ?? Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS), signal);
    }
  }
}
