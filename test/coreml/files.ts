import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import { modelMessage } from "../../src/coreml/schema.ts";
import type { WireModel } from "../../src/coreml/wire.ts";
import { ConversionError, type Diagnostic } from "../../src/diagnostics.ts";
import { ops } from "../../src/mil/ops/index.ts";

export const corpus = fileURLToPath(new URL("../corpus/", import.meta.url));
export const MANIFEST = "Manifest.json";
export const MODEL = join("Data", "com.apple.CoreML", "model.mlmodel");
export const WEIGHTS = join("Data", "com.apple.CoreML", "weights", "weight.bin");

/** A folder for the running file's tests, removed after them. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "coreml-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A copy that a test may break. */
export function copied(from: string, to: string): string {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
  return to;
}

export const readMessage = (path: string): WireModel => {
  const type = modelMessage();
  return type.toObject(type.decode(readFileSync(join(path, MODEL))), { longs: Number }) as WireModel;
};

export const writeMessage = (path: string, message: WireModel): void =>
  writeFileSync(join(path, MODEL), modelMessage().encode(message).finish());

/** What reading a package ends in: its diagnostics, none when it is read. Anything but a `ConversionError` is thrown. */
export function problemsOf(path: string): readonly Diagnostic[] {
  try {
    readPackage(path, ops).close();
    return [];
  } catch (cause) {
    if (cause instanceof ConversionError) return cause.diagnostics;
    throw cause;
  }
}
