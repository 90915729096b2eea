// A BERT-shaped checkpoint of random weights: real in size and layout, meaningless in content.
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const VOCABULARY = 30522;
const POSITIONS = 512;

/** Names and shapes of a BertModel's tensors. */
function tensorsOf(hidden, layers) {
  const linear = (name, out, width) => [
    [`${name}.weight`, [out, width]],
    [`${name}.bias`, [out]],
  ];
  const norm = (name) => [
    [`${name}.weight`, [hidden]],
    [`${name}.bias`, [hidden]],
  ];
  const layer = (i) => {
    const at = `encoder.layer.${i}`;
    return [
      ...["query", "key", "value"].flatMap((n) => linear(`${at}.attention.self.${n}`, hidden, hidden)),
      ...linear(`${at}.attention.output.dense`, hidden, hidden),
      ...norm(`${at}.attention.output.LayerNorm`),
      ...linear(`${at}.intermediate.dense`, 4 * hidden, hidden),
      ...linear(`${at}.output.dense`, hidden, 4 * hidden),
      ...norm(`${at}.output.LayerNorm`),
    ];
  };
  return [
    ["embeddings.word_embeddings.weight", [VOCABULARY, hidden]],
    ["embeddings.position_embeddings.weight", [POSITIONS, hidden]],
    ["embeddings.token_type_embeddings.weight", [2, hidden]],
    ...norm("embeddings.LayerNorm"),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    ...linear("pooler.dense", hidden, hidden),
  ];
}

/** Writes a checkpoint of float32 weights and returns how many bytes its weights have. */
export function randomCheckpoint(folder, { hidden, layers }) {
  mkdirSync(folder, { recursive: true });
  const header = {};
  let bytes = 0;
  for (const [name, shape] of tensorsOf(hidden, layers)) {
    const size = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [bytes, bytes + size] };
    bytes += size;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(join(folder, "model.safetensors"), "w");
  writeSync(file, length);
  writeSync(file, padded);
  const values = new Float32Array(1 << 20);
  let seed = 1;
  for (let i = 0; i < values.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    values[i] = (seed / 2 ** 32 - 0.5) * 0.07;
  }
  const chunk = Buffer.from(values.buffer);
  for (let left = bytes; left > 0; left -= chunk.length) writeSync(file, chunk, 0, Math.min(left, chunk.length));
  closeSync(file);
  const config = {
    model_type: "bert",
    architectures: ["BertModel"],
    vocab_size: VOCABULARY,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: hidden / 64,
    intermediate_size: 4 * hidden,
    max_position_embeddings: POSITIONS,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
    hidden_act: "gelu",
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return bytes;
}
