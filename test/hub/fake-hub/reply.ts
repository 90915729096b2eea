import type { ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";

/** A whole answer, before faults. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** What goes wrong with an answer. */
export type Fault =
  | { readonly kind: "reply"; readonly reply: Reply }
  /** Waits before it answers. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Breaks the connection after some bytes of the body. */
  | { readonly kind: "cut"; readonly after: number }
  /** Sends some bytes of the body, then nothing, with the connection open. */
  | { readonly kind: "stall"; readonly after: number }
  /** Sends the body in pieces with pauses. */
  | { readonly kind: "slow"; readonly bytes: number; readonly ms: number }
  /** Announces and sends fewer bytes than the file has. */
  | { readonly kind: "shorten"; readonly by: number }
  /** Changes a byte of the body. */
  | { readonly kind: "damage" }
  /** Other headers than the right ones; undefined leaves one out. */
  | { readonly kind: "headers"; readonly headers: Readonly<Record<string, string | undefined>> };

export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: Buffer.from(JSON.stringify(value)),
});

/** An error as the Hub words it. */
export const refuse = (status: number, error: string, code?: string): Reply =>
  json(status, { error }, { ...(code ? { "x-error-code": code } : {}), "x-error-message": error });

/** A file, or the part of it that was asked for. */
export function file(bytes: Buffer, range: string | undefined, headers: Readonly<Record<string, string>>): Reply {
  const all = { "accept-ranges": "bytes", "content-type": "application/octet-stream", ...headers };
  if (range === undefined) return { status: 200, headers: all, body: bytes };
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  const start = Number(first);
  const end = Math.min(last ? Number(last) : bytes.length - 1, bytes.length - 1);
  if (first === undefined || start > end) {
    return { status: 416, headers: { "content-range": `bytes */${bytes.length}` } };
  }
  const contentRange = `bytes ${start}-${end}/${bytes.length}`;
  return { status: 206, headers: { ...all, "content-range": contentRange }, body: bytes.subarray(start, end + 1) };
}

/** Sends an answer, with what is to go wrong. */
export async function send(
  response: ServerResponse,
  reply: Reply,
  fault: Fault | undefined,
  isHead: boolean,
): Promise<void> {
  if (fault?.kind === "delay") await setTimeout(fault.ms);
  const { status, headers = {}, body = Buffer.alloc(0) } = fault?.kind === "reply" ? fault.reply : reply;
  const bytes = damaged(body, fault);
  const changed: Record<string, string | undefined> = {
    ...headers,
    "content-length": String(bytes.length),
    ...(fault?.kind === "headers" ? fault.headers : {}),
  };
  response.writeHead(status, Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)));
  if (isHead) {
    response.end();
    return;
  }
  switch (fault?.kind) {
    case "cut":
      response.write(bytes.subarray(0, fault.after), () => response.destroy());
      return;
    case "stall":
      response.write(bytes.subarray(0, fault.after));
      return;
    case "slow":
      for (let at = 0; at < bytes.length && !response.destroyed; at += fault.bytes) {
        response.write(bytes.subarray(at, at + fault.bytes));
        await setTimeout(fault.ms);
      }
      break;
    default:
      response.write(bytes);
  }
  response.end();
}

function damaged(body: Buffer, fault: Fault | undefined): Buffer {
  if (fault?.kind === "shorten") return body.subarray(0, Math.max(0, body.length - fault.by));
  if (fault?.kind !== "damage") return body;
  const bytes = Buffer.from(body);
  bytes[bytes.length >> 1]! ^= 0xff;
  return bytes;
}
