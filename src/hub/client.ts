import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import { VERSION } from "../version.ts";
import { ConnectionError, type Exchange, exchange, textOf } from "./exchange.ts";
import { hubError, isOwn, publicUrl, refusal, type Subject, unreachable } from "./refusal.ts";
import { askedWait, isTransient, type Pause, pause, retrying, Transient } from "./retry.ts";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 10;
/** A page of the list of files has 1,000 entries, some 300 KB. */
const MAX_JSON_BYTES = 32 << 20;
const IDLE_MS = 30_000;

export interface ClientOptions extends Omit<Subject, "hasToken"> {
  readonly token: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly pause?: Pause;
  /** How long a server may be silent before the request is made again. */
  readonly idleMs?: number;
  /** Holds the connections; by default new ones, through the proxies that `HTTPS_PROXY` and `NO_PROXY` name. */
  readonly dispatcher?: Dispatcher;
}

export interface Request {
  readonly method?: "GET" | "HEAD";
  /** `bytes=0-99`. */
  readonly range?: string;
  /** Stop at a redirect that describes an LFS file or leaves the Hub, and return it. */
  readonly untilStorage?: true;
}

/** Asks the Hub about one repository. The token goes to the Hub alone, whatever address a redirect or a page names. */
export class HubClient {
  readonly subject: Subject;
  readonly signal: AbortSignal | undefined;
  readonly pause: Pause;
  readonly #options: ClientOptions;
  readonly #dispatcher: Dispatcher;

  constructor(options: ClientOptions) {
    const { endpoint, id, revision, token } = options;
    this.#options = options;
    this.subject = { endpoint, id, revision, hasToken: token !== undefined };
    this.signal = options.signal;
    this.pause = options.pause ?? pause;
    this.#dispatcher = options.dispatcher ?? new EnvHttpProxyAgent();
  }

  /** The same client, whose work another signal ends. */
  until(signal: AbortSignal): HubClient {
    return new HubClient({ ...this.#options, dispatcher: this.#dispatcher, signal });
  }

  /**
   * Makes one request, following redirects.
   * @throws Transient for what may go well the next time, ConversionError for what will not
   */
  async open(address: URL, { method = "GET", range, untilStorage }: Request = {}): Promise<Exchange> {
    let url = address;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const answer = await this.#send(url, method, range);
      const target = redirectTarget(answer);
      if (!target) return await this.#accepted(answer);
      await answer.discard();
      if (untilStorage && (answer.headers.has("x-linked-etag") || !isOwn(target, this.subject.endpoint))) return answer;
      url = target;
    }
    throw hubError("hub.answer", `${publicUrl(address)} redirects more than ${MAX_REDIRECTS} times`, {
      path: this.subject.id,
    });
  }

  /**
   * The JSON a GET request answers with, and the address of the next page where there is one. Retries.
   * @throws ConversionError
   */
  json(url: URL): Promise<{ readonly value: unknown; readonly next: URL | undefined }> {
    const read = async () => {
      const answer = await this.open(url);
      try {
        const value: unknown = JSON.parse(await this.reading(answer.url, () => textOf(answer, MAX_JSON_BYTES)));
        return { value, next: nextPage(answer) };
      } catch (cause) {
        if (!(cause instanceof SyntaxError || cause instanceof RangeError)) throw cause;
        const message = `${publicUrl(url)} did not answer with JSON: ${cause.message}`;
        throw hubError("hub.answer", message, { path: this.subject.id, hint: "check HF_ENDPOINT", cause });
      }
    };
    return retrying(read, this.pause, this.signal);
  }

  /** Runs what waits for a server; a connection that breaks is a `Transient`. */
  async reading<T>(url: URL, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw error instanceof ConnectionError ? new Transient(unreachable(url, error, this.subject)) : error;
    }
  }

  async #send(url: URL, method: "GET" | "HEAD", range: string | undefined): Promise<Exchange> {
    const { token, idleMs = IDLE_MS } = this.#options;
    const headers = {
      "user-agent": `coreml-export/${VERSION}; node/${process.versions.node}`,
      // Compressed bytes would not fit the sizes.
      "accept-encoding": "identity",
      ...(range ? { range } : {}),
      ...(token && isOwn(url, this.subject.endpoint) ? { authorization: `Bearer ${token}` } : {}),
    };
    const init = { method, headers, signal: this.signal, idleMs, dispatcher: this.#dispatcher };
    return await this.reading(url, () => exchange(url, init));
  }

  async #accepted(answer: Exchange): Promise<Exchange> {
    const { status, url, headers } = answer;
    if (status === 200 || status === 206) return answer;
    const error = await refusal(answer, this.subject);
    // Addresses of the storage expire: they are asked for again.
    if (isTransient(status) || !isOwn(url, this.subject.endpoint))
      throw new Transient(error, askedWait(status, headers));
    throw error;
  }
}

/** Where an answer redirects to. */
export function redirectTarget({ status, headers, url }: Exchange): URL | undefined {
  const location = headers.get("location");
  if (!REDIRECTS.has(status) || location === null || !URL.canParse(location, url.href)) return undefined;
  const target = new URL(location, url);
  return /^https?:$/.test(target.protocol) ? target : undefined;
}

/** `Link: <https://…>; rel="next"` */
function nextPage({ headers, url }: Exchange): URL | undefined {
  const link = /<([^>]*)>\s*;\s*rel="?next"?/.exec(headers.get("link") ?? "")?.[1];
  return link !== undefined && URL.canParse(link, url.href) ? new URL(link, url) : undefined;
}
