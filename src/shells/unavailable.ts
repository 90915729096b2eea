import { existsSync } from "node:fs";
import { type Diagnostic, fail } from "../diagnostics.ts";
import { type ConversionSettings, flagOf, type Option, options } from "../options.ts";

/** Options about models that are fetched. */
const hubOptions = ["revision", "cacheDir"] as const;

const flag = (key: keyof typeof options.convert): string => `--${flagOf(key, options.convert[key] as Option)}`;

/**
 * Refuses what this version cannot do.
 * @returns warnings about options that have no effect
 * @throws ConversionError (usage) `option.unavailable`, `model.hub`
 */
export function refuseUnavailable(model: string, settings: ConversionSettings): readonly Diagnostic[] {
  if (settings.reference === "onnx") {
    fail("usage", "option.unavailable", "onnx is not available in this version", {
      path: flag("reference"),
      hint: "compare with checkpoint, or with a safetensors file of your own",
    });
  }
  if (!existsSync(model) && !isPath(model)) {
    fail(
      "usage",
      "model.hub",
      `there is no folder '${model}', and models of the Hub are not available in this version`,
      {
        path: flag("model"),
        hint: "download the model and pass its folder",
      },
    );
  }
  return hubOptions
    .filter((key) => settings[key] !== undefined)
    .map((key) => ({
      code: "option.effect",
      severity: "warning",
      path: flag(key),
      message: `has no effect: '${model}' is a local folder`,
    }));
}

/** Whether a text can only be a path: an id is `name` or `organisation/name`. */
const isPath = (model: string): boolean => !/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(model);
