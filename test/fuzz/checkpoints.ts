import type { ConversionSettings } from "../../src/options.ts";
import { elementCount } from "../../src/tensor/dtype.ts";
import { safetensors } from "../checkpoint/files.ts";
import { casesOf, type FixtureCase, seeded } from "../fixtures/case.ts";
import type { Random } from "./random.ts";
import type { Subject } from "./subject.ts";
import { byteLevel, byteLevelConfig, unigram, unigramConfig, wordPiece, wordPieceConfig } from "./tokenizers.ts";

export const WEIGHTS = "model.safetensors";
export const INDEX = "model.safetensors.index.json";
export const CONFIG = "config.json";
export const PROCESSOR = "preprocessor_config.json";
export const TOKENIZER = "tokenizer.json";
export const TOKENIZER_CONFIG = "tokenizer_config.json";
export const CARD = "README.md";

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const processor = {
  do_resize: true,
  size: { height: 24, width: 24 },
  do_center_crop: false,
  crop_size: { height: 24, width: 24 },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.4, 0.3],
  image_std: [0.5, 0.2, 0.3],
  resample: 2,
  image_processor_type: "ViTImageProcessor",
};

const card = `---
license: apache-2.0
license_name: mine
version: 1.2
language: [en, de]
tags:
  - text
model-index:
  - name: tiny
    results: [{task: {type: text}, metrics: [{type: accuracy, value: 0.9}]}]
---
# Tiny
`;

/** The tensors of a fixture's case as one safetensors file. */
function weightsOf(names: readonly string[], { tensors }: FixtureCase): Buffer {
  let offset = 0;
  const parts: Buffer[] = [];
  const header: Record<string, object> = { __metadata__: { format: "pt" } };
  for (const name of names) {
    const entry = tensors[name];
    const shape = entry && "dtype" in entry ? entry.shape : (entry as readonly number[]);
    const { buffer } = seeded(name, shape);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + 4 * elementCount(shape)] };
    offset += buffer.byteLength;
    parts.push(Buffer.from(buffer));
  }
  return safetensors(header, Buffer.concat(parts));
}

interface Chosen {
  readonly type: string;
  readonly case: string;
  readonly files?: Readonly<Record<string, object>>;
  readonly options?: ConversionSettings;
}

const bertTokenizer = { [TOKENIZER]: wordPiece, [TOKENIZER_CONFIG]: wordPieceConfig };
const byteTokenizer = { [TOKENIZER]: byteLevel, [TOKENIZER_CONFIG]: byteLevelConfig };
const unigramTokenizer = { [TOKENIZER]: unigram, [TOKENIZER_CONFIG]: unigramConfig };
const chosen: readonly Chosen[] = [
  { type: "roberta", case: "feature-extraction_no_pooler", files: byteTokenizer },
  { type: "roberta", case: "fill-mask_old_names", files: byteTokenizer },
  { type: "bert", case: "feature-extraction_act_gelu", files: bertTokenizer },
  { type: "bert", case: "multiple-choice_default", files: bertTokenizer },
  { type: "bert", case: "text-generation_relative_key_past", files: bertTokenizer },
  { type: "bert", case: "next-sentence-prediction_base", files: bertTokenizer },
  { type: "distilbert", case: "feature-extraction_sinusoidal_not_stored", files: unigramTokenizer },
  { type: "distilbert", case: "text-classification_two_labels", files: unigramTokenizer },
  { type: "distilbert", case: "token-classification_three_labels", files: bertTokenizer },
  { type: "gpt2", case: "text-generation_odd_past", files: byteTokenizer },
  { type: "gpt2", case: "text-classification_pad_token", files: byteTokenizer },
  { type: "vit", case: "image-classification_gray" },
  { type: "vit", case: "feature-extraction_larger_image" },
  { type: "vit", case: "feature-extraction_act_relu", files: { [PROCESSOR]: processor } },
  { type: "vit", case: "masked-im_patch_4", files: { [PROCESSOR]: processor } },
];

function subjectOf({ type, case: name, files = {}, options = {} }: Chosen): Subject {
  const c = casesOf(type).find((x) => x.name === name);
  if (!c) throw new Error(`no case ${name} of ${type}`);
  return {
    name: `${type} ${c.name}`,
    options: { ...c.options, ...options, task: c.task },
    files: new Map<string, Buffer>([
      [CONFIG, json(c.config)],
      [WEIGHTS, weightsOf(Object.keys(c.tensors), c)],
      [CARD, Buffer.from(card)],
      ...Object.entries(files).map(([file, value]) => [file, json(value)] as const),
      ...(c.preprocessor ? [[PROCESSOR, json(c.preprocessor)] as const] : []),
    ]),
  };
}

/** The same in two shards and an index. */
function sharded(subject: Subject): Subject {
  const file = subject.files.get(WEIGHTS) as Buffer;
  const end = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(file.subarray(8, end).toString()) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const names = Object.keys(header);
  const half = Math.ceil(names.length / 2);
  const shardOf = (i: number): string => `model-0000${i < half ? 1 : 2}-of-00002.safetensors`;
  const shards = [names.slice(0, half), names.slice(half)].map((part) => {
    const [from, to] = [header[part[0] ?? ""]?.data_offsets[0] ?? 0, header[part.at(-1) ?? ""]?.data_offsets[1] ?? 0];
    const moved = part.map((n) => {
      const entry = header[n] as (typeof header)[string];
      return [n, { ...entry, data_offsets: entry.data_offsets.map((o) => o - from) }];
    });
    return safetensors(Object.fromEntries(moved), file.subarray(end + from, end + to));
  });
  const index = {
    metadata: { total_size: file.length - end },
    weight_map: Object.fromEntries(names.map((n, i) => [n, shardOf(i)])),
  };
  const files = new Map(subject.files);
  files.delete(WEIGHTS);
  for (const [i, shard] of shards.entries()) files.set(shardOf(i * half), shard);
  return { ...subject, name: `${subject.name}, sharded`, files: files.set(INDEX, json(index)) };
}

let made: readonly Subject[] | undefined;

const sizeOf = ({ files }: Subject): number => [...files.values()].reduce((n, f) => n + f.length, 0);
/** How often one of the smaller half is taken: it is as good a start, and quicker. */
const SMALL = 0.75;

/** A tiny checkpoint that holds `file`, of any kind of model. */
export function checkpointWith(file: string, random: Random): Subject {
  made ??= chosen.map(subjectOf).flatMap((s) => [s, sharded(s)]);
  const fitting = made.filter((s) => s.files.has(file)).sort((a, b) => sizeOf(a) - sizeOf(b));
  return random.pick(random.chance(SMALL) ? fitting.slice(0, Math.ceil(fitting.length / 2)) : fitting);
}
