import { createCipheriv, createHash } from "node:crypto";

/** Bytes without a period, so that a range in a wrong place shows. */
export function noise(length: number, seed: string): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** A safetensors file with one byte tensor. */
export function safetensors(name: string, length: number): Buffer {
  const text = JSON.stringify({ [name]: { dtype: "U8", shape: [length], data_offsets: [0, length] } });
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - 8));
  header.write(text, 8);
  return Buffer.concat([header, noise(length, name)]);
}

const config = JSON.stringify({ model_type: "bert", architectures: ["BertModel"] });

/** A repository with one weight file, and what a conversion has no use for. */
export const single = (length: number): Record<string, Buffer | string> => ({
  ".gitattributes": "*.safetensors filter=lfs\n",
  "README.md": "---\nlicense: mit\n---\n",
  "config.json": config,
  "model.safetensors": safetensors("weight", length),
  "onnx/model.onnx": "onnx",
  "pytorch_model.bin": noise(1000, "torch"),
  "tokenizer.json": "{}",
  "tokenizer_config.json": "{}",
});

/** A repository with two shards, one of them in a folder, and one that the index does not name. */
export const sharded = (length: number): Record<string, Buffer | string> => ({
  "config.json": config,
  "model-00001-of-00002.safetensors": safetensors("first", length),
  "more/model-00002-of-00002.safetensors": safetensors("second", length),
  "model.fp16.safetensors": safetensors("other", 100),
  "model.safetensors.index.json": JSON.stringify({
    metadata: {},
    weight_map: { first: "model-00001-of-00002.safetensors", second: "more/model-00002-of-00002.safetensors" },
  }),
});
