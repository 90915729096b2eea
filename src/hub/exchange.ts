import { type Dispatcher, request } from "undici";

/** The network failed, or the server broke off or was silent for too long. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(cause: unknown) {
    // A refused connection has its reason in the cause, several addresses have one each.
    const { cause: reason, message, code } = cause as NodeJS.ErrnoException;
    super(message || (reason instanceof Error && reason.message) || code || "the connection failed", { cause });
  }
}

/** The longest body that is read though nobody wants it, in bytes: that of a redirect has some hundred. */
const MAX_LEFT = 16 << 10;

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
  /** Holds the connections. */
  readonly dispatcher: Dispatcher;
}

/**
 * Sends a request. Redirects are not followed: their headers count, and not every server may see ours.
 * Not by `fetch`: its streams cost twice the time of the transfer, and it knows no proxies.
 * @throws ConnectionError, also while the body is read; the signal's reason
 */
export async function exchange(
  url: URL,
  { method, headers, signal, idleMs, dispatcher }: ExchangeInit,
): Promise<Exchange> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`the server was silent for ${idleMs} ms`)), idleMs);
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const failed = (error: unknown): never => {
    clearTimeout(timer);
    signal?.throwIfAborted();
    throw new ConnectionError(error);
  };
  const answer = await request(url, { method, headers, signal: either, dispatcher }).catch(failed);
  const { body, statusCode: status } = answer;
  // Whoever reads the body hears of its errors; one that nobody reads may still break.
  body.on("error", () => undefined);
  const finish = (): void => {
    clearTimeout(timer);
    body.destroy();
  };
  return {
    url,
    status,
    headers: headersOf(answer.headers),
    async *chunks() {
      try {
        for await (const chunk of body) {
          timer.refresh();
          yield chunk as Uint8Array;
        }
      } catch (error) {
        failed(error);
      } finally {
        finish();
      }
    },
    async discard() {
      // Reading a short body to its end keeps the connection, which took longer to make.
      const isShort = !body.destroyed && Number(answer.headers["content-length"] ?? Number.NaN) <= MAX_LEFT;
      if (isShort) await body.dump({ limit: MAX_LEFT, signal: either }).catch(() => undefined);
      finish();
    },
  };
}

function headersOf(received: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(received)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return headers;
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
