/** The network failed, or the server broke off or was silent for too long. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(cause: unknown) {
    // `fetch` says "fetch failed" or "terminated", and why in the cause.
    const { cause: reason, message } = cause as Error;
    super((reason instanceof Error && reason.message) || message, { cause });
  }
}

/** One request and its answer, whose body is read once, or discarded. */
export interface Exchange {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  /** The body, chunk by chunk as it comes from the network: nothing is held but the chunk. */
  chunks(): AsyncGenerator<Uint8Array, void>;
  discard(): Promise<void>;
}

export interface ExchangeInit {
  readonly method: "GET" | "HEAD";
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** How long the server may be silent. */
  readonly idleMs: number;
}

/**
 * Sends a request. Redirects are not followed: their headers count, and not every server may see ours.
 * @throws ConnectionError, also while the body is read; the signal's reason
 */
export async function exchange(url: URL, { method, headers, signal, idleMs }: ExchangeInit): Promise<Exchange> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`the server was silent for ${idleMs} ms`)), idleMs);
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  let response: Response;
  try {
    response = await fetch(url, { method, headers, redirect: "manual", signal: either });
  } catch (error) {
    clearTimeout(timer);
    signal?.throwIfAborted();
    throw new ConnectionError(error);
  }
  const reader = response.body?.getReader();
  const discard = async (): Promise<void> => {
    clearTimeout(timer);
    // A body that has failed cannot be cancelled either, and its failure is known.
    await reader?.cancel().catch(() => undefined);
  };
  return {
    url,
    status: response.status,
    headers: response.headers,
    async *chunks() {
      try {
        for (;;) {
          timer.refresh();
          const next = await reader?.read().catch((error: unknown) => {
            signal?.throwIfAborted();
            throw new ConnectionError(error);
          });
          if (!next || next.done) return;
          yield next.value;
        }
      } finally {
        await discard();
      }
    },
    discard,
  };
}

/**
 * The whole body as text.
 * @throws RangeError when it is longer than `maxBytes`
 */
export async function textOf(answer: Exchange, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.chunks()) {
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
