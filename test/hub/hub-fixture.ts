import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import { type Download, type DownloadOptions, download } from "../../src/hub/download.ts";
import { FakeHub } from "./fake-hub/fake-hub.ts";

/** A fake Hub and an empty cache for each test. */
export class HubFixture {
  hub!: FakeHub;
  cacheDir!: string;
  /** How long the client waited before it tried again, in milliseconds. */
  readonly pauses: number[] = [];

  constructor() {
    beforeEach(async () => {
      this.hub = await FakeHub.start();
      this.cacheDir = mkdtempSync(join(tmpdir(), "hub-"));
      this.pauses.length = 0;
      // Nothing of the machine's own account or cache.
      for (const name of Object.keys(process.env)) if (/^(HF_|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
      vi.stubEnv("HF_HOME", join(this.cacheDir, "home"));
      vi.stubEnv("HF_ENDPOINT", this.hub.endpoint);
    });
    afterEach(async () => {
      vi.unstubAllEnvs();
      await this.hub.stop();
      rmSync(this.cacheDir, { recursive: true, force: true });
    });
  }

  /** Downloads without waiting between attempts. */
  download(id: string, options: DownloadOptions = {}): Promise<Download> {
    const pause = async (milliseconds: number): Promise<void> => {
      this.pauses.push(milliseconds);
    };
    return download(id, { cacheDir: this.cacheDir, pause, ...options });
  }

  /** The code, the message and the hint of the error that a download ends with. */
  async failure(id: string, options: DownloadOptions = {}): Promise<{ code: string; message: string; hint?: string }> {
    const error = await this.download(id, options).then(
      () => expect.fail("the download succeeded"),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ConversionError)) throw error;
    expect(error.diagnostics).toHaveLength(1);
    const { code, message, hint } = error.diagnostics[0]!;
    return { code, message, ...(hint ? { hint } : {}) };
  }
}
