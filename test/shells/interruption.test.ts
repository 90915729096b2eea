import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { startCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("interruption");
const model = join(scratch, "model");
/** Makes the word embeddings 400 MB, which take a while to write. */
const [VOCABULARY, HIDDEN] = [1_600_000, 64];

const zeros = (name: string, shape: readonly number[]): LazyTensor => ({
  dtype: "fp32",
  shape,
  key: name,
  read: (_, __, out) => void out.fill(0),
});

/** A small BERT with a large vocabulary. */
beforeAll(() => {
  mkdirSync(model);
  const config = {
    model_type: "bert",
    vocab_size: VOCABULARY,
    hidden_size: HIDDEN,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: HIDDEN,
    max_position_embeddings: 16,
    type_vocab_size: 2,
  };
  writeFileSync(join(model, "config.json"), JSON.stringify(config));
  const layer = "encoder.layer.0";
  const dense = ["self.query", "self.key", "self.value", "output.dense"].map((n) => `${layer}.attention.${n}`);
  const norms = ["embeddings", `${layer}.attention.output`, `${layer}.output`].map((n) => `${n}.LayerNorm`);
  const shapes: Record<string, readonly number[]> = {
    "embeddings.word_embeddings.weight": [VOCABULARY, HIDDEN],
    "embeddings.position_embeddings.weight": [16, HIDDEN],
    "embeddings.token_type_embeddings.weight": [2, HIDDEN],
  };
  for (const name of [...dense, `${layer}.intermediate.dense`, `${layer}.output.dense`]) {
    shapes[`${name}.weight`] = [HIDDEN, HIDDEN];
    shapes[`${name}.bias`] = [HIDDEN];
  }
  for (const name of norms) {
    shapes[`${name}.weight`] = [HIDDEN];
    shapes[`${name}.bias`] = [HIDDEN];
  }
  const tensors = Object.entries(shapes).map(([name, shape]): [string, LazyTensor] => [name, zeros(name, shape)]);
  writeSafetensors(join(model, "model.safetensors"), new Map(tensors));
});

/** Waits until some of a package's weights are written where nobody looks for it. */
async function untilWriting(output: string): Promise<void> {
  for (;;) {
    const found = existsSync(output)
      ? readdirSync(output, { recursive: true, encoding: "utf8" }).find((f) => f.endsWith("weight.bin"))
      : undefined;
    if (found && statSync(join(output, found)).size > 0) return;
    await sleep(5);
  }
}

describe("an interrupted conversion", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s leaves nothing, not even in the place of an older package", async (signal, expected) => {
    const output = join(scratch, signal);
    const older = join(output, "Model.mlpackage");
    mkdirSync(output);
    cpSync("test/corpus/abs/fp_ios15_fp32.mlpackage", older, { recursive: true });
    const before = readdirSync(output, { recursive: true }).sort();
    const child = startCli(["-m", model, "--no-validate", "--overwrite", output]);
    let stderr = "";
    child.stderr?.on("data", (data) => {
      stderr += data;
    });
    await untilWriting(output);
    child.kill(signal);
    const [status] = await once(child, "close");
    expect({ status, stderr }).toEqual({ status: expected, stderr: "interrupted\n" });
    expect(readdirSync(output, { recursive: true }).sort()).toEqual(before);
  });
});

describe("a reader that goes away", () => {
  test("is neither an error nor a complaint", async () => {
    const child = startCli(["inspect", "--json", "test/corpus/models/image_rgb_ios17_fp16.mlpackage"]);
    child.stdout?.destroy();
    let stderr = "";
    child.stderr?.on("data", (data) => {
      stderr += data;
    });
    const [status] = await once(child, "close");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
