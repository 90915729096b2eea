import { fail } from "../diagnostics.ts";
import type { Checkpoint, WeightFile } from "./checkpoint.ts";
import { Folder } from "./folder.ts";
import { combined } from "./hash.ts";
import { readJsonObject } from "./json-file.ts";
import { outlineSafetensors } from "./safetensors.ts";
import type { HeaderBytes } from "./safetensors-header.ts";
import { filesOf, type WeightFiles } from "./weight-files.ts";
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
  return checkpointOf(folder, filesOf(folder));
}

/**
 * The checkpoint whose weight files are elsewhere: names, types and shapes of its tensors are known, values are not.
 * @param path the folder with `config.json` and, where the weights are sharded, their index
 * @param headers the beginning of each weight file, by name
 * @throws ConversionError (unreadable) as `openCheckpoint` does
 */
export function outlineCheckpoint(path: string, headers: ReadonlyMap<string, HeaderBytes>): Checkpoint {
  return checkpointOf(new Folder(path), {
    has: (name) => headers.has(name),
    open: (name) => outlineSafetensors(headers.get(name) as HeaderBytes),
  });
}

function checkpointOf(folder: Folder, files: WeightFiles): Checkpoint {
  const configPath = folder.file("config.json");
  if (!configPath) {
    return fail("unreadable", "checkpoint.config", "there is no config.json in the folder", { path: folder.path });
  }
  const config = readConfig(configPath);
  const preprocessorPath = folder.file("preprocessor_config.json");
  const preprocessor = preprocessorPath ? { preprocessor: readConfig(preprocessorPath) } : {};
  const weights = openWeights(folder, files, config);
  return {
    folder: folder.path,
    name: folder.name,
    config,
    ...preprocessor,
    tensors: weights,
    weightFiles: weights.files,
    ...provenance(folder, weights.files),
    diagnostics: weights.diagnostics,
    file: (name) => folder.file(name),
    close: () => weights.close(),
  };
}

/** What the Hub's cache says about a snapshot: its folder is the commit, and the blobs of LFS files are their hashes. */
function provenance(folder: Folder, files: readonly WeightFile[]): Pick<Checkpoint, "revision" | "weightsSha256"> {
  const hashes = new Map(files.map(({ name, path }) => [name, folder.sha256(path)]));
  const known = [...hashes].filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...(folder.revision ? { revision: folder.revision } : {}),
    ...(known.length > 0 && known.length === hashes.size ? { weightsSha256: combined(new Map(known)) } : {}),
  };
}
