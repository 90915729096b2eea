import { readFileSync, statSync } from "node:fs";
import { fail } from "../diagnostics.ts";
import { type JsonOptions, parseJson } from "./json.ts";

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readText(path: string, maxBytes: number): string {
  let bytes: Uint8Array;
  try {
    const { size } = statSync(path);
    if (size > maxBytes) {
      return fail("unreadable", "checkpoint.json", `the file has ${size} bytes, at most ${maxBytes} are read`, {
        path,
      });
    }
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause) {
      return fail("unreadable", "checkpoint.json", `cannot read the file: ${cause.message}`, { path });
    }
    throw cause;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return fail("unreadable", "checkpoint.json", "the file is not UTF-8 text", { path });
  }
}

/**
 * Reads a file that holds a JSON object.
 * @throws ConversionError (`checkpoint.json`) for an unreadable or too large file, malformed JSON, or another value.
 */
export function readJsonObject(path: string, maxBytes: number, options: JsonOptions): Record<string, unknown> {
  const text = readText(path, maxBytes);
  let value: unknown;
  try {
    value = parseJson(text, options);
  } catch (cause) {
    return fail("unreadable", "checkpoint.json", `invalid JSON: ${(cause as Error).message}`, { path });
  }
  if (!isRecord(value)) return fail("unreadable", "checkpoint.json", "expected a JSON object", { path });
  return value;
}
