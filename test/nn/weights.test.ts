import { expect, test } from "vitest";
import type { TensorSource } from "../../src/checkpoint/checkpoint.ts";
import { ConversionError, type Diagnostic } from "../../src/diagnostics.ts";
import { Weights } from "../../src/nn/weights.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import { tensorOf } from "../../src/tensor/memory.ts";

function cursor(tensors: Readonly<Record<string, DType>>): Weights {
  const source: TensorSource = {
    names: () => Object.keys(tensors),
    get: (name) => tensorOf(tensors[name] as DType, [2], [1, 2], name),
  };
  return Weights.over(source, { base: "model" });
}

function problemsOf(w: Weights): readonly Diagnostic[] {
  try {
    w.account([]);
    return [];
  } catch (cause) {
    if (cause instanceof ConversionError) return cause.diagnostics;
    throw cause;
  }
}

test.each<DType>(["fp32", "fp16", "bf16", "fp64"])("%s is a weight", (dtype) => {
  const w = cursor({ a: dtype });
  expect(w.get("a", [2]).dtype).toBe("fp32");
  expect(problemsOf(w)).toEqual([]);
});

test.each<DType>(["int32", "uint8", "int64", "uint32"])("%s is no weight", (dtype) => {
  const w = cursor({ a: dtype });
  w.get("a", [2]);
  expect(problemsOf(w)).toMatchObject([{ code: "weight.dtype", path: "a" }]);
});

test("what is missing takes no memory, however large the config says it is", () => {
  const w = cursor({ a: "fp32" });
  const missing = w.get("b", [2 ** 31, 2 ** 20]);
  const out = new Uint8Array(16).fill(1);
  missing.read(2 ** 40, 4, out);
  expect([...out]).toEqual(Array(16).fill(0));
  expect(problemsOf(w).map((d) => d.code)).toEqual(["weight.missing", "weight.unused"]);
});

test("thousands of missing tensors are found missing at once", () => {
  const names = Array.from({ length: 100 }, (_, i) => `encoder.layer.${i}.attention.scales`);
  const w = cursor(Object.fromEntries(names.map((name) => [name, "fp32" as const])));
  const begin = performance.now();
  for (let i = 0; i < 2000; i++) w.get(`encoder.layer.${i}.attention.weight`, [2]);
  expect(performance.now() - begin).toBeLessThan(2000);
});
