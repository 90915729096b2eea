import { readFileSync, statSync } from "node:fs";
import { parse } from "yaml";
import type { Diagnostic } from "../diagnostics.ts";

/** What a model card says of itself, as far as a package has a place for it. */
export interface ModelCard {
  readonly license?: string;
  readonly version?: string;
}

/** The front matter of real cards has a few KB; one with tables of results a few hundred. */
const MAX_CARD_BYTES = 4 << 20;

/**
 * Reads the YAML front matter of a README.md: https://huggingface.co/docs/hub/model-cards
 * A card that cannot be read is a warning: no conversion depends on it.
 */
export function readModelCard(path: string | undefined): {
  readonly card: ModelCard;
  readonly diagnostics: readonly Diagnostic[];
} {
  const nothing = (message?: string): ReturnType<typeof readModelCard> => ({
    card: {},
    diagnostics: message ? [{ code: "card.invalid", severity: "warning", path: "README.md", message }] : [],
  });
  if (path === undefined) return nothing();
  if (statSync(path).size > MAX_CARD_BYTES) return nothing(`is larger than ${MAX_CARD_BYTES} bytes`);
  const [, yaml] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readFileSync(path, "utf8")) ?? [];
  if (yaml === undefined) return nothing();
  try {
    // Aliases are how a small file becomes a large one, and cards have no use for them.
    const fields = (parse(yaml, { maxAliasCount: 0 }) ?? {}) as Record<string, unknown>;
    const named = fields.license === "other" ? (fields.license_name ?? fields.license) : fields.license;
    const license = Array.isArray(named) ? named.map(String).join(", ") : named;
    return {
      card: {
        ...(typeof license === "string" ? { license } : {}),
        ...(fields.version === undefined ? {} : { version: String(fields.version) }),
      },
      diagnostics: [],
    };
  } catch (cause) {
    return nothing(`its front matter is no YAML: ${(cause as Error).message.split("\n")[0]}`);
  }
}
