/**
 * Converts all-MiniLM-L6-v2 in both precisions and compares it with PyTorch: every output by its tolerance, and the
 * mean-pooled sentence embeddings by cosine. Fails when a package fails.
 *
 * usage: node bench/minilm/compare.mjs MODEL_FOLDER REFERENCE.safetensors
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convert } from "../../dist/index.js";
import { openSession } from "../../dist/run/session.js";
import { goldenReference } from "../../dist/validate/golden.js";

const [model, reference] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "minilm-"));

/** The mean of a [1, s, d] tensor over its positions; all are real, nothing is padded. */
function pooled({ shape, data }) {
  const [, length, width] = shape;
  return Array.from({ length: width }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += data[i * width + j];
    return sum / length;
  });
}

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

try {
  for (const precision of ["float32", "float16"]) {
    const { packages, report } = await convert(model, {
      output: join(folder, precision),
      precision,
      reference,
      keepFailed: true,
    });
    const [{ path, plan, verdict }] = packages;
    const comparisons = report.packages[0].validation.sets.flatMap((s) => s.comparisons);
    const worst = Math.max(...comparisons.map((c) => c.error.maxAbsolute));
    const golden = goldenReference(reference, plan);
    const session = await openSession(path, { mode: "rounded" });
    const cosines = [];
    for (const set of golden.sets) {
      const [expected, { outputs }] = [await golden.outputs(set), await session.run(set.inputs)];
      cosines.push(cosine(pooled(expected.last_hidden_state), pooled(outputs.last_hidden_state)));
    }
    const lowest = Math.min(...cosines);
    console.log(
      `${precision}: ${verdict.status}, largest difference ${worst.toExponential(2)}, lowest cosine of ${cosines.length} sentence embeddings ${lowest.toFixed(8)}`,
    );
    if (verdict.status !== "passed") process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
