import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostTensor } from "../../src/run/host-tensor.ts";
import type { Session } from "../../src/run/session.ts";
import { accuracy, convertedExample, exampleFile, metricsOf } from "./example.ts";

const EXAMPLE = "language-id";
const folder = mkdtempSync(join(tmpdir(), "language-id-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Sample {
  readonly text: string;
  readonly label: string;
}
const read = (...path: readonly string[]) => JSON.parse(readFileSync(exampleFile(EXAMPLE, ...path), "utf8"));
const samples: Readonly<Record<"heldout" | "sentences" | "phrases", readonly Sample[]>> = read(
  "heldout",
  "heldout.json",
);
const tokenizer = new Tokenizer(read("model", "tokenizer.json"), read("model", "tokenizer_config.json"));
const metrics = metricsOf(EXAMPLE);

const sessions: Session[] = [];
beforeAll(async () => {
  for (const precision of ["float32", "float16"] as const) {
    sessions.push(await convertedExample(EXAMPLE, "text-classification", precision, folder));
  }
});

async function predicted(session: Session, texts: readonly Sample[]): Promise<readonly unknown[]> {
  const labels: unknown[] = [];
  for (const { text } of texts) {
    const { ids, attention_mask: mask } = tokenizer.encode(text);
    const vector = (values: readonly number[]) => hostTensor("int32", [1, values.length], values);
    labels.push((await session.run({ input_ids: vector(ids), attention_mask: vector(mask) })).label);
  }
  return labels;
}

test.each([
  ["heldout", metrics.heldout_sample_accuracy],
  ["sentences", metrics.sentences_accuracy],
  ["phrases", metrics.phrases_accuracy],
] as const)("languages of %s are told as well as in training, in both precisions alike", async (name, promised) => {
  const texts = samples[name];
  const expected = texts.map(({ label }) => label);
  const found = await Promise.all(sessions.map((session) => predicted(session, texts)));
  for (const labels of found) expect(accuracy(labels, expected)).toBe(promised);
  expect(found[1]).toEqual(found[0]);
});

test("the sample is the one that was measured", () => {
  expect(samples.heldout).toHaveLength(metrics.heldout_sample_texts as number);
  expect(samples.sentences).toHaveLength(metrics.sentences as number);
  expect(samples.phrases).toHaveLength(metrics.phrases as number);
});
