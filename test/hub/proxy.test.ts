import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HubFixture } from "./hub-fixture.ts";
import { single } from "./model.ts";

describe("a proxy", () => {
  const fixture = new HubFixture();
  const proxy = createServer();
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  proxy.on("connect", ({ url = "" }, socket: Socket) => {
    asked.push(url);
    const [host = "", port] = url.split(":");
    const server = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      server.pipe(socket).pipe(server);
    });
    for (const s of [socket, server]) sockets.add(s.on("error", () => undefined));
  });

  beforeEach(async () => {
    asked.length = 0;
    for (const name of ["http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"]) vi.stubEnv(name, undefined);
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    fixture.hub.repository("org/name", single(1000));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it("of the environment is used, for the Hub and for its storage", async () => {
    await fixture.download("org/name");
    expect(asked).toContain(new URL(fixture.hub.endpoint).host);
    expect(new Set(asked).size).toBe(2);
  });

  it("is left out for hosts of NO_PROXY", async () => {
    vi.stubEnv("NO_PROXY", "127.0.0.1");
    await fixture.download("org/name");
    expect(asked).toEqual([]);
  });
});
