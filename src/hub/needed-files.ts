import { isRecord, readJsonObject } from "../checkpoint/json-file.ts";
import { INDEX, SINGLE } from "../checkpoint/weights.ts";
import { hubError } from "./refusal.ts";
import { isPlainPath } from "./repository-id.ts";

/** Beside the weights, what a conversion and its validation read. */
const DESCRIPTIONS: readonly string[] = [
  "config.json",
  "preprocessor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "README.md",
];

/** The index of the largest models names 100,000 tensors. */
const MAX_INDEX_BYTES = 64 << 20;
const MAX_INDEX_DEPTH = 8;

/** What is needed of a repository, as far as the names of its files say: the index decides which shards. */
export interface NeededFiles {
  /** Small; the index among them where the weights are sharded. */
  readonly descriptions: readonly string[];
  readonly weights: "single" | "sharded";
}

/**
 * Chooses from the files in a repository's root.
 * @throws ConversionError `hub.files` when there is no checkpoint, `hub.format` when it is not in safetensors
 */
export function neededFiles(names: readonly string[], id: string): NeededFiles {
  const present = new Set(names);
  if (!present.has("config.json")) {
    throw hubError("hub.files", `there is no config.json, expected a Transformers checkpoint${found(names)}`, {
      path: id,
    });
  }
  const descriptions = DESCRIPTIONS.filter((name) => present.has(name));
  if (present.has(SINGLE)) return { descriptions, weights: "single" };
  if (present.has(INDEX)) return { descriptions: [...descriptions, INDEX], weights: "sharded" };
  const others = names.filter((name) => /\.(safetensors|bin|h5|msgpack|pt|pth|ckpt|gguf|onnx)$/.test(name));
  throw hubError("hub.format", `there is no ${SINGLE} or ${INDEX}${found(others)}`, {
    path: id,
    hint: "see whether a pull request of the repository adds safetensors: --revision refs/pr/N",
  });
}

const found = (names: readonly string[]): string =>
  names.length > 0 ? `, found ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}` : "";

/**
 * The files that an index names, each once, sorted.
 * @throws ConversionError when it is no index
 */
export function shardsOf(indexPath: string): string[] {
  const index = readJsonObject(indexPath, MAX_INDEX_BYTES, { maxDepth: MAX_INDEX_DEPTH, duplicates: "last" });
  const shards = isRecord(index.weight_map) ? Object.values(index.weight_map) : [];
  const names = shards.filter((shard): shard is string => typeof shard === "string" && isPlainPath(shard));
  if (names.length === 0 || names.length < shards.length) {
    throw hubError("hub.index", "weight_map does not map tensors to names of files", { path: indexPath });
  }
  return [...new Set(names)].sort();
}
