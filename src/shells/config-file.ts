import { readFileSync } from "node:fs";
import { ConversionError, type Diagnostic, fail } from "../diagnostics.ts";
import { nearest } from "../nn/nearest.ts";
import type { Option } from "../options.ts";
import { rowsOf } from "./flags.ts";

/** Options of the command line that say nothing about a conversion. */
const notInFiles: ReadonlySet<string> = new Set(["config", "json", "verbose"]);

/**
 * Reads a JSON file of a conversion's options, under the names of the library.
 * @throws ConversionError (usage) `config-file.*` listing every key that is unknown and every value that does not fit
 */
export function readConfigFile(path: string): Record<string, unknown> {
  const json = readJson(path);
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return fail("usage", "config-file.json", "holds no object, expected one with the names of options", { path });
  }
  const rows = new Map<string, Option>(rowsOf("convert").filter(([key]) => !notInFiles.has(key)));
  const problems = Object.entries(json).flatMap(([key, value]) => problemOf(rows, key, value));
  if (problems.length > 0) {
    throw new ConversionError(
      "usage",
      problems.map((p) => ({ ...p, severity: "error", path })),
    );
  }
  return json as Record<string, unknown>;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const what = cause instanceof SyntaxError ? "is no JSON" : "cannot be read";
    return fail("usage", "config-file.json", `${what}: ${(cause as Error).message}`, { path });
  }
}

function problemOf(
  rows: ReadonlyMap<string, Option>,
  key: string,
  value: unknown,
): Pick<Diagnostic, "code" | "message" | "hint">[] {
  const option = rows.get(key);
  if (!option) {
    const close = nearest(key, [...rows.keys()]);
    const hint = close ? `did you mean "${close}"?` : `options: ${[...rows.keys()].join(", ")}`;
    return [{ code: "config-file.key", message: `there is no option "${key}"`, hint }];
  }
  if (option.type.accepts(value)) return [];
  const message = `"${key}" is ${JSON.stringify(value)}, expected ${option.type.expected}`;
  return [{ code: "config-file.value", message }];
}
