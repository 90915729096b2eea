import { type Diagnostic, fail } from "../diagnostics.ts";
import type { TensorSource, WeightFile } from "./checkpoint.ts";
import type { Folder } from "./folder.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { openShards } from "./sharded.ts";
import type { WeightFiles } from "./weight-files.ts";

/** The open weight files of a checkpoint. */
export interface Weights extends TensorSource {
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly WeightFile[];
  close(): void;
}

/** Weight files in formats that are not read, and the argument that makes Transformers read them. */
const otherFormats: readonly { readonly pattern: RegExp; readonly from?: string }[] = [
  { pattern: /^pytorch_model(-\d+-of-\d+)?\.bin$/ },
  { pattern: /^tf_model(-\d+-of-\d+)?\.h5$/, from: "from_tf=True" },
  { pattern: /^flax_model(-\d+-of-\d+)?\.msgpack$/, from: "from_flax=True" },
];

export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

/**
 * Opens `model.safetensors`, or else the shards of `model.safetensors.index.json`.
 * @param folder holds the index.
 * @param config decides which class a hint about other formats names.
 * @throws ConversionError (unreadable): `checkpoint.format` when the weights are in another format.
 */
export function openWeights(folder: Folder, files: WeightFiles, config: Record<string, unknown>): Weights {
  if (files.has(SINGLE)) {
    const file = files.open(SINGLE);
    const named = [{ name: SINGLE, path: file.path }];
    return withPyTorchNames([file], { ...file, diagnostics: [], files: named });
  }
  const index = folder.file(INDEX);
  if (!index) return refuseFormat(folder, config);
  const { shards, ...sharded } = openShards(files, index);
  const close = () => {
    for (const shard of shards.values()) shard.close();
  };
  const named = Array.from(shards, ([name, { path }]) => ({ name, path }));
  return withPyTorchNames([...shards.values()], { ...sharded, files: named, close });
}

/** Files that TensorFlow or Flax wrote hold other names and transposed matrices. */
function withPyTorchNames(files: readonly SafetensorsFile[], weights: Weights): Weights {
  for (const { path, metadata } of files) {
    const format = metadata.get("format");
    if (format !== "tf" && format !== "flax") continue;
    weights.close();
    const writer = format === "tf" ? "TensorFlow" : "Flax";
    const message = `the file was saved by ${writer} (format: ${format}), expected PyTorch`;
    fail("unreadable", "checkpoint.format", message, { path });
  }
  return weights;
}

function refuseFormat(folder: Folder, config: Record<string, unknown>): never {
  const entries = folder.entries();
  for (const { pattern, from } of otherFormats) {
    const found = entries.find((name) => pattern.test(name));
    if (found) {
      fail("unreadable", "checkpoint.format", `found ${found}, expected model.safetensors or its sharded form`, {
        path: folder.path,
        hint: savingHint(config, from),
      });
    }
  }
  const others = entries.filter((name) => /\.(safetensors|gguf|bin|pt|pth|ckpt|onnx)$/.test(name));
  const found = others.length > 0 ? `, found ${others.slice(0, 5).join(", ")}` : "";
  return fail("unreadable", "checkpoint.weights", `no model.safetensors or model.safetensors.index.json${found}`, {
    path: folder.path,
    ...(others.some((name) => name.startsWith("adapter_model"))
      ? { hint: "this is an adapter: merge it into its base model (PEFT: merge_and_unload) and save the result" }
      : {}),
  });
}

/** The class that the checkpoint was saved from keeps the task's head; `AutoModel` would drop it. */
function savingHint(config: Record<string, unknown>, from: string | undefined): string {
  const { architectures } = config;
  const named = Array.isArray(architectures) ? architectures[0] : undefined;
  const model =
    typeof named === "string" && /^\w+$/.test(named) ? named.replace(/^(TF|Flax)(?=[A-Z])/, "") : "AutoModel";
  const load = `${model}.from_pretrained("FOLDER"${from ? `, ${from}` : ""})`;
  return `save it as safetensors: from transformers import ${model}; ${load}.save_pretrained("FOLDER")`;
}
