import { ConversionError, type Diagnostic, fail } from "../diagnostics.ts";
import type { TensorSource } from "./checkpoint.ts";
import { Faults, MAX_FAULTS } from "./faults.ts";
import { isRecord, readJsonObject } from "./json-file.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { MAX_HEADER_BYTES } from "./safetensors-header.ts";
import type { WeightFiles } from "./weight-files.ts";

/** Each shard takes a file descriptor; the largest models have a few hundred. */
const MAX_SHARDS = 1_000;
/** `{ metadata: { … }, weight_map: { … } }`, where metadata is free. */
const MAX_DEPTH = 8;

export interface ShardedTensors extends TensorSource {
  /** By file name. */
  readonly shards: ReadonlyMap<string, SafetensorsFile>;
  /** Tensors that a shard holds and the index does not name; they are left out, as Transformers does. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Opens the shards that `model.safetensors.index.json` names. The index decides which shard a tensor is read from.
 * @throws ConversionError (unreadable) with all missing shards and tensors, or the faults of a shard.
 */
export function openShards(files: WeightFiles, indexPath: string): ShardedTensors {
  const byShard = tensorsByShard(indexPath);
  locateShards(files, indexPath, byShard);
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const name of byShard.keys()) shards.set(name, files.open(name));
    const faults = new Faults(indexPath);
    const source = new Map<string, SafetensorsFile>();
    for (const [name, shard] of shards) {
      const present = new Set(shard.names());
      for (const tensor of byShard.get(name) ?? []) {
        if (present.has(tensor)) source.set(tensor, shard);
        else faults.add("checkpoint.index", `tensor '${tensor}' is not in ${name}, where the index says it is`);
      }
    }
    faults.throwIfAny("unreadable");
    return {
      shards,
      diagnostics: [...shards].flatMap(([name, shard]) => unlisted(shard, new Set(byShard.get(name)), name)),
      names: () => [...source.keys()],
      get: (name) => source.get(name)?.get(name),
    };
  } catch (error) {
    for (const shard of shards.values()) shard.close();
    throw error;
  }
}

/** The index, turned round: shard -> names of its tensors, shards in order of their names. */
function tensorsByShard(indexPath: string): Map<string, string[]> {
  const index = readJsonObject(indexPath, MAX_HEADER_BYTES, { maxDepth: MAX_DEPTH, duplicates: "reject" });
  const { weight_map: map } = index;
  if (!isRecord(map)) fail("unreadable", "checkpoint.index", "weight_map is no object", { path: indexPath });
  const faults = new Faults(indexPath);
  const byShard = new Map<string, string[]>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== "string") {
      faults.add("checkpoint.index", `tensor '${tensor}' is mapped to ${JSON.stringify(shard)}, expected a file name`);
      continue;
    }
    const tensors = byShard.get(shard);
    if (tensors) tensors.push(tensor);
    else byShard.set(shard, [tensor]);
  }
  faults.throwIfAny("unreadable");
  if (byShard.size > MAX_SHARDS) {
    const message = `${byShard.size} shards, at most ${MAX_SHARDS} are opened`;
    fail("unreadable", "checkpoint.index", message, { path: indexPath });
  }
  return new Map([...byShard].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function locateShards(files: WeightFiles, indexPath: string, byShard: Map<string, string[]>): void {
  const faults = new Faults(indexPath);
  for (const [shard, tensors] of byShard) {
    try {
      if (files.has(shard)) continue;
      faults.add("checkpoint.shard", `the shard ${shard} with ${tensors.length} tensors is missing`);
    } catch (error) {
      if (!(error instanceof ConversionError)) throw error;
      for (const { code, message, hint } of error.diagnostics) faults.add(code, `shard ${shard}: ${message}`, hint);
    }
  }
  faults.throwIfAny("unreadable");
}

function unlisted(shard: SafetensorsFile, listed: ReadonlySet<string>, name: string): Diagnostic[] {
  const names = shard.names().filter((tensor) => !listed.has(tensor));
  if (names.length === 0) return [];
  const shown = names.slice(0, MAX_FAULTS).join(", ") + (names.length > MAX_FAULTS ? ", …" : "");
  return [
    {
      code: "checkpoint.unlisted",
      severity: "warning",
      path: shard.path,
      message: `${name} holds ${names.length} tensors that the index does not place there; they are ignored: ${shown}`,
    },
  ];
}
