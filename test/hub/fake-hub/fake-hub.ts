import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type HubState, hubReply } from "./hub-routes.ts";
import { type Fault, type Reply, send } from "./reply.ts";
import { FakeRepository } from "./repository.ts";
import { FakeStorage } from "./storage-routes.ts";

export interface LoggedRequest {
  readonly server: "hub" | "storage";
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

interface Injection {
  readonly when: (request: LoggedRequest) => boolean;
  readonly fault: Fault;
  times: number;
}

/**
 * The read side of the Hub on loopback: the Hub itself and, on another port and so another origin, its storage.
 * Keeps its state, logs every request, and lets any answer go wrong.
 */
export class FakeHub {
  readonly log: LoggedRequest[] = [];
  readonly storage = new FakeStorage();
  readonly state: HubState;
  readonly #injections: Injection[] = [];
  readonly #hub: Server;
  readonly #storage: Server;

  private constructor() {
    this.#hub = this.#server("hub", (method, url, headers) => hubReply(this.state, { method, url, headers }));
    this.#storage = this.#server("storage", (method, url, headers) => this.storage.reply(method, url, headers));
    this.state = {
      repositories: new Map(),
      renames: new Map(),
      tokens: new Map([
        ["hf_reader", "reader"],
        ["hf_stranger", "stranger"],
      ]),
      smallFiles: "direct",
      pageSize: 2,
      origin: () => this.endpoint,
      sign: (oid) => `${originOf(this.#storage)}${this.storage.sign(oid)}`,
    };
  }

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    for (const server of [hub.#hub, hub.#storage]) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    }
    return hub;
  }

  get endpoint(): string {
    return originOf(this.#hub);
  }

  /** Makes a repository whose branch main has these files. */
  repository(id: string, files: Readonly<Record<string, Buffer | string>>): FakeRepository {
    const repository = new FakeRepository(id);
    this.state.repositories.set(id, repository);
    this.commit(repository, files);
    return repository;
  }

  /** Makes a commit and stores its LFS files. */
  commit(repository: FakeRepository, files: Readonly<Record<string, Buffer | string>>, ref?: string): string {
    const sha = repository.commit(files, ref);
    for (const { bytes, lfs, sha256: oid } of repository.commits.get(sha)!.values()) {
      if (lfs) this.storage.put(oid, bytes);
    }
    return sha;
  }

  /** Lets the next answers to such requests go wrong. */
  inject(fault: Fault, when: (request: LoggedRequest) => boolean, times = 1): void {
    this.#injections.push({ fault, when, times });
  }

  requests(server: LoggedRequest["server"], part = ""): LoggedRequest[] {
    return this.log.filter((request) => request.server === server && request.url.includes(part));
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #server(name: LoggedRequest["server"], answer: (m: string, u: URL, h: IncomingHttpHeaders) => Reply): Server {
    return createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      const logged = { server: name, method, url, headers };
      this.log.push(logged);
      const injection = this.#injections.find(({ when, times }) => times > 0 && when(logged));
      if (injection) injection.times--;
      const reply = answer(method, new URL(url, originOf(name === "hub" ? this.#hub : this.#storage)), headers);
      void send(response, reply, injection?.fault, method === "HEAD");
    });
  }
}

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
