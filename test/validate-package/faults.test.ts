import { join } from "node:path";
import { expect, test } from "vitest";
import type { Report } from "../../src/report/report.ts";
import { validate } from "../../src/validate-package.ts";
import { scratchFolder } from "../shells/scratch.ts";
import {
  type CheckpointChanges,
  type PackageChanges,
  packagePath,
  rewritten,
  withConstants,
  withLabels,
  withoutOps,
  withParameter,
  writeCheckpoint,
} from "./packages.ts";

const scratch = scratchFolder("validate-faults");

const turned = withConstants(/attention_self_query_weight/, (values, [rows = 0, columns = 0]) =>
  values.map((_, i) => values[(i % columns) * rows + Math.floor(i / columns)] as number),
);
const zeros = (names: RegExp) => withConstants(names, (values) => values.map(() => 0));
const epsilon = withParameter("epsilon", 1e-3);
const reversed = withLabels((labels) => [...labels].reverse());
const swappedRows = withConstants(/classifier_weight/, (values, [, width = 0]) => [
  ...values.slice(width, 2 * width),
  ...values.slice(0, width),
  ...values.slice(2 * width),
]);

/** What the first row holds is what the second one should, and the other way round. */
const swappedQuantized = withConstants(
  /attention_self_query_weight_quantized\.quantized_data/,
  (values, [, width = 0]) => [...values.slice(width, 2 * width), ...values.slice(0, width), ...values.slice(2 * width)],
);

const faults: readonly (readonly [
  fault: string,
  name: string,
  changes: PackageChanges,
  checkpoint?: CheckpointChanges,
])[] = [
  ["labels in another order", "bert_sequence-classification", { func: reversed }],
  ["labels in another order", "vit_image-classification", { func: reversed }],
  ["rows of the head in another order", "bert_sequence-classification", { func: swappedRows }],
  ["a transposed weight", "bert_masked-lm", { func: turned }],
  ["a transposed weight, half precision", "bert_masked-lm_fp16", { func: turned }],
  ["a lost bias", "bert_question-answering", { func: zeros(/attention_self_value_bias/) }],
  ["a lost bias", "distilbert_default", { func: zeros(/attention_v_lin_bias/) }],
  ["no softmax", "bert_masked-lm", { func: withoutOps("softmax") }],
  ["a classifier without softmax", "bert_sequence-classification", { func: withoutOps("softmax") }],
  ["another epsilon", "distilbert_default", { func: epsilon }],
  ["another epsilon", "gpt2_causal-lm", { func: epsilon }],
  ["another epsilon, half precision", "bert_masked-lm_fp16", { func: epsilon }],
  ["another checkpoint", "bert_masked-lm", {}, { other: true }],
  ["another checkpoint", "bert_masked-lm_palettized", {}, { other: true }],
  ["another checkpoint", "vit_image-classification_tensor", {}, { other: true }],
  ["two rows of a compressed weight swapped", "bert_masked-lm_linear8", { func: swappedQuantized }],
  ["NaN from an infinite mask", "bert_masked-lm_fp16_nan", {}],
  [
    "other pixels than the processor's",
    "vit_image-classification",
    {},
    { preprocessor: { do_rescale: true, do_normalize: true, image_mean: [0.4, 0.4, 0.3], image_std: [0.5, 0.5, 0.5] } },
  ],
  [
    "classes in the metadata in another order",
    "bert_token-classification_raw",
    { metadata: { classes: "positive,neutral,negative" } },
  ],
];

const why = (report: Report): string => JSON.stringify(report.packages[0]?.validation.sets, null, 1);

test.each(faults.map((f, i) => [`${f[1]}: ${f[0]}`, i] as const))("%s fails", async (_, i) => {
  const [, name, changes, checkpoint] = faults[i] as (typeof faults)[number];
  const model = writeCheckpoint(name, join(scratch, `checkpoint${i}`), checkpoint);
  const path = await rewritten(packagePath(name), join(scratch, `${i}.mlpackage`), changes);
  const report = await validate(path, { model });
  // A process that ended, or took too long, is no evidence of a fault that was found.
  const reason = /input sets \(|labels are not|epsilon|classes in the metadata|compressed weights are not/;
  expect(report.verdict, why(report)).toEqual({
    status: "failed",
    executor: "onnxruntime",
    reason: expect.stringMatching(reason),
  });
});
