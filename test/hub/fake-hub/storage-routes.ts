import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { file, type Reply } from "./reply.ts";

/** The bytes of LFS files, behind signed addresses: whoever has one may read, until it expires. */
export class FakeStorage {
  readonly #objects = new Map<string, Buffer>();
  readonly #signatures = new Map<string, string>();
  #signed = 0;

  put(oid: string, bytes: Buffer): void {
    this.#objects.set(oid, bytes);
  }

  /** The path and query of a new signed address. */
  sign(oid: string): string {
    const signature = createHash("sha256")
      .update(`${oid} ${this.#signed++}`)
      .digest("hex");
    this.#signatures.set(signature, oid);
    return `/lfs/${oid}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=${signature}`;
  }

  /** Makes all addresses signed so far invalid. */
  expire(): void {
    this.#signatures.clear();
  }

  reply(method: string, url: URL, headers: IncomingHttpHeaders): Reply {
    if (headers.authorization !== undefined) return error(400, "Only one auth mechanism allowed");
    const [, oid = ""] = /^\/lfs\/([0-9a-f]{64})$/.exec(url.pathname) ?? [];
    const signature = url.searchParams.get("X-Amz-Signature") ?? "";
    // A signature is for one method: what is signed for GET refuses HEAD.
    if (method !== "GET" || this.#signatures.get(signature) !== oid) return error(403, "Request has expired");
    const bytes = this.#objects.get(oid);
    // An upload in parts has an ETag that is no digest of the whole.
    return bytes
      ? file(bytes, headers.range, { etag: '"9b2cf535f27731c974343645a3985328-2"' })
      : error(404, "NoSuchKey");
  }
}

const error = (status: number, message: string): Reply => ({
  status,
  headers: { "content-type": "application/xml" },
  body: Buffer.from(`<?xml version="1.0"?><Error><Message>${message}</Message></Error>`),
});
