import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConversionError, type Diagnostic } from "../../src/diagnostics.ts";

/** Runs `use` with the path of an empty folder, which is removed afterwards. */
export function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes files, given by path and contents, below a folder. */
export function writeFiles(folder: string, files: Record<string, string | Uint8Array>): void {
  for (const [name, contents] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
}

/** The bytes of a safetensors file with this header (text is taken as it is) and data. */
export function safetensors(header: unknown, data: Uint8Array | number = 0): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, typeof data === "number" ? Buffer.alloc(data) : data]);
}

/** The diagnostics that `run` throws. */
export function diagnosticsOf(run: () => unknown): { kind: string; diagnostics: readonly Diagnostic[]; text: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof ConversionError) {
      return { kind: error.kind, diagnostics: error.diagnostics, text: error.message };
    }
    throw error;
  }
  throw new Error("nothing was thrown");
}
