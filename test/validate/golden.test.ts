import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import { ConversionError } from "../../src/diagnostics.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { goldenReference } from "../../src/validate/golden.ts";
import { planOf } from "./planned.ts";

const folder = mkdtempSync(join(tmpdir(), "golden-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plan = planOf("bert", "feature-extraction_relative_key");
let files = 0;
function saved(tensors: Record<string, LazyTensor>): string {
  const path = join(folder, `golden${files++}.safetensors`);
  writeSafetensors(path, new Map(Object.entries(tensors)));
  return path;
}
const ids = tensorOf("int64", [1, 3], [5n, 6n, 0n], "ids");
const mask = tensorOf("int64", [1, 3], [1n, 1n, 0n], "mask");
const hidden = tensorOf("fp16", [1, 3], [0.5, 1, 2], "hidden");

function problemsOf(tensors: Record<string, LazyTensor>): string[] {
  try {
    goldenReference(saved(tensors), plan);
  } catch (error) {
    if (error instanceof ConversionError) return error.diagnostics.map((d) => d.code);
    throw error;
  }
  return [];
}

test("one call, integers as int32, floats as float32, its own mask deciding what counts", async () => {
  const path = saved({ "in/input_ids": ids, "in/attention_mask": mask, "out/last_hidden_state": hidden });
  const reference = goldenReference(path, plan);
  expect(reference).toMatchObject({ kind: "golden", name: "golden0.safetensors" });
  const [set] = reference.sets ?? [];
  expect(set?.name).toBe("golden");
  expect(set?.inputs.input_ids).toEqual({ dtype: "int32", shape: [1, 3], data: Int32Array.of(5, 6, 0) });
  expect(set?.compare).toEqual({ last_hidden_state: { axis: 1, kept: [0, 1] } });
  const outputs = set && (await reference.outputs(set));
  expect(outputs?.last_hidden_state).toEqual({ dtype: "fp32", shape: [1, 3], data: Float32Array.of(0.5, 1, 2) });
});

test("several calls by name", () => {
  const { sets = [] } = goldenReference(
    saved({ "long/text/in/x": ids, "long/text/out/y": hidden, "b/in/x": ids, "b/out/y": hidden }),
    plan,
  );
  expect(sets.map((s) => s.name).sort()).toEqual(["b", "long/text"]);
});

describe("a file that is no such thing", () => {
  test.each([
    ["another name", { input_ids: ids }, ["golden.name", "golden.empty"]],
    ["nothing in it", {}, ["golden.empty"]],
    ["no outputs", { "in/input_ids": ids }, ["golden.outputs"]],
    ["no inputs", { "a/out/y": hidden }, ["golden.inputs"]],
    [
      "an integer beyond 32 bits",
      { "in/input_ids": tensorOf("int64", [1], [2n ** 31n], "big"), "out/y": hidden },
      ["golden.range", "golden.inputs"],
    ],
  ])("%s", (_, tensors, expected) => {
    expect(problemsOf(tensors)).toEqual(expected);
  });
});
