import { afterEach, describe, expect, it, vi } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import { askedWait, pause, retrying, Transient } from "../../src/hub/retry.ts";

describe("askedWait", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    [429, { ratelimit: '"api";r=0;t=55', "retry-after": "9" }, 56_000],
    [429, { ratelimit: '"api";r=3;t=55', "retry-after": "9" }, 9_000],
    [429, { ratelimit: '"resolvers";r=0; t=1' }, 2_000],
    [429, { ratelimit: '"api";r=03;t=55' }, undefined],
    [503, { ratelimit: '"api";r=0;t=55', "retry-after": "0" }, 0],
    [503, { "retry-after": "soon" }, undefined],
    [503, {}, undefined],
  ])("of HTTP %i with %j is %s ms", (status, headers, wait) => {
    expect(askedWait(status, new Headers(headers as Record<string, string>))).toBe(wait);
  });

  it("takes a date", () => {
    vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") });
    expect(askedWait(503, new Headers({ "retry-after": "Thu, 01 Jan 2026 00:00:05 GMT" }))).toBe(5_000);
    expect(askedWait(503, new Headers({ "retry-after": "Wed, 31 Dec 2025 00:00:00 GMT" }))).toBe(0);
  });
});

describe("retrying", () => {
  const error = new ConversionError("unreadable", []);
  const noWait = async () => undefined;

  it("counts failures anew after headway, and throws what stands behind the last one", async () => {
    let runs = 0;
    const operation = async (progressed: () => void) => {
      if (++runs === 5) progressed();
      throw new Transient(error);
    };
    await expect(retrying(operation, noWait)).rejects.toBe(error);
    expect(runs).toBe(5 + 5);
  });

  it("does not try again what fails for good", async () => {
    let runs = 0;
    const operation = async () => {
      runs++;
      throw error;
    };
    await expect(retrying(operation, noWait)).rejects.toBe(error);
    expect(runs).toBe(1);
  });

  it("stops waiting when told to", async () => {
    const stop = new AbortController();
    const operation = async () => {
      setImmediate(() => stop.abort(new Error("enough")));
      throw new Transient(error, 60_000);
    };
    await expect(retrying(operation, pause, stop.signal)).rejects.toThrow("enough");
  });
});
