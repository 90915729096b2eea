import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepPackage } from "./keep-package.ts";

describe("a package that a test wrote", () => {
  let folder: string;
  let written: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keep-"));
    written = join(folder, "Model.mlpackage");
    mkdirSync(written);
    writeFileSync(join(written, "Manifest.json"), "{}");
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is kept, under the test's name / once", () => {
    vi.stubEnv("COREML_EXPORT_KEEP_PACKAGES", join(folder, "kept"));
    const copy = join(
      folder,
      "kept/keep-package/a-package-that-a-test-wrote-is-kept-under-the-test-s-name-once/Model.mlpackage",
    );
    expect(keepPackage(written)).toBe(copy);
    expect(readFileSync(join(copy, "Manifest.json"), "utf8")).toBe("{}");
    expect(() => keepPackage(written)).toThrow(/already exists/);
  });

  it("is not kept unless asked for", () => {
    vi.stubEnv("COREML_EXPORT_KEEP_PACKAGES", undefined);
    expect(keepPackage(written)).toBeUndefined();
  });
});
