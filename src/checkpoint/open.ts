import { fail } from "../diagnostics.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { Folder } from "./folder.ts";
import { readJsonObject } from "./json-file.ts";
import { openWeights } from "./weights.ts";

/** Configs with label maps of 20,000 classes have 1 MB. */
const MAX_CONFIG_BYTES = 16 << 20;
/** Nested sub-configs of composite models reach six levels. */
const MAX_CONFIG_DEPTH = 64;

const readConfig = (path: string): Record<string, unknown> =>
  readJsonObject(path, MAX_CONFIG_BYTES, { maxDepth: MAX_CONFIG_DEPTH, nonFinite: true, duplicates: "last" });

/**
 * Opens a local folder with `config.json` and safetensors weights (`model.safetensors`, or shards and their index).
 * Headers are read and checked at once, tensor data when asked for.
 * @throws ConversionError (unreadable) when something is missing, malformed or in another format.
 */
export function openCheckpoint(path: string): Checkpoint {
  const folder = new Folder(path);
  const configPath = folder.file("config.json");
  if (!configPath) {
    return fail("unreadable", "checkpoint.config", "there is no config.json in the folder", { path: folder.path });
  }
  const config = readConfig(configPath);
  const preprocessorPath = folder.file("preprocessor_config.json");
  const preprocessor = preprocessorPath ? { preprocessor: readConfig(preprocessorPath) } : {};
  const weights = openWeights(folder, config);
  return {
    folder: folder.path,
    name: folder.name,
    config,
    ...preprocessor,
    tensors: weights,
    weightFiles: weights.files,
    diagnostics: weights.diagnostics,
    file: (name) => folder.file(name),
    close: () => weights.close(),
  };
}
