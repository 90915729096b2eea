import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openSafetensors } from "../../src/checkpoint/safetensors.ts";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { sliced } from "../../src/tensor/views.ts";
import { accuracy, convertedExample, exampleFile, metricsOf, openExample, type Precision } from "./example.ts";

const EXAMPLE = "digits-vit";
const folder = mkdtempSync(join(tmpdir(), "digits-vit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Images that were not trained on and what they show. */
function heldout(): { readonly images: readonly HostTensor[]; readonly labels: readonly string[] } {
  const file = openSafetensors(exampleFile(EXAMPLE, "heldout", "heldout.safetensors"));
  const checkpoint = openExample(EXAMPLE);
  try {
    const names = checkpoint.config.id2label as Readonly<Record<string, string>>;
    const [image, label] = [file.get("image") as LazyTensor, file.get("label") as LazyTensor];
    const images = Array.from({ length: image.shape[0] as number }, (_, i) =>
      hostTensor("int32", [1, ...image.shape.slice(1)], valuesOf(sliced(image, 0, i, i + 1))),
    );
    return { images, labels: [...valuesOf(label)].map((id) => names[id] as string) };
  } finally {
    checkpoint.close();
    file.close();
  }
}

async function predicted(precision: Precision, images: readonly HostTensor[]): Promise<readonly unknown[]> {
  const session = await convertedExample(EXAMPLE, "image-classification", precision, folder);
  const labels: unknown[] = [];
  for (const image of images) labels.push((await session.run({ image })).label);
  return labels;
}

test("digits are read as well as in training, in both precisions alike", async () => {
  const { images, labels } = heldout();
  const metrics = metricsOf(EXAMPLE);
  expect(images).toHaveLength(metrics.heldout_sample_images as number);
  const [full, half] = [await predicted("float32", images), await predicted("float16", images)];
  for (const found of [full, half]) expect(accuracy(found, labels)).toBe(metrics.heldout_sample_accuracy);
  expect(half).toEqual(full);
});
