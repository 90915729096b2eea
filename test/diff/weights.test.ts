import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import type { WeightsDifference } from "../../src/diff/difference.ts";
import { compareValues } from "../../src/diff/values.ts";
import { diff } from "../../src/diff.ts";
import { float32 } from "../../src/mil/builder.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { halfPrecision } from "../../src/passes/half-precision.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { Graph } from "../mil/graph.ts";
import { packageOf, type Stack, stack, varied, WIDTH, weight } from "./packages.ts";

const corpus = join(import.meta.dirname, "../corpus");
const weightsOf = async (a: string, b: string): Promise<WeightsDifference> => (await diff(a, b)).weights;
const stacks = async (a: Stack, b: Stack): Promise<WeightsDifference> =>
  weightsOf(await packageOf({ main: stack(a) }), await packageOf({ main: stack(b) }));

describe("weights", () => {
  test("with one other value are measured", async () => {
    const { identical, changed, added, removed, renamed } = await stacks(
      {},
      { value: (layer) => (i) => varied(layer)(i) + (layer === 2 && i === 3 * WIDTH + 5 ? 0.5 : 0) },
    );
    expect({ identical, added, removed, renamed }).toEqual({ identical: 3, added: [], removed: [], renamed: [] });
    const [only] = changed as [WeightsDifference["changed"][0]];
    expect(changed).toHaveLength(1);
    expect(only).toMatchObject({
      change: "values",
      a: { name: "layer_2_weight", dtype: "fp32", decodedBy: [], bytes: 4 * WIDTH * WIDTH, bitsPerElement: 32 },
      values: { elements: WIDTH * WIDTH, differing: 1, nan: { a: 0, b: 0 }, error: { maxAbsoluteAt: [3, 5] } },
    });
    const numbers = Array.from({ length: WIDTH * WIDTH }, (_, i) => varied(2)(i));
    const norm = Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0));
    expect(only.values?.error?.maxAbsolute).toBeCloseTo(0.5, 6);
    expect(only.values?.error?.relativeRms).toBeCloseTo(0.5 / norm, 6);
    const product = numbers.reduce((sum, x, i) => sum + x * (x + (i === 3 * WIDTH + 5 ? 0.5 : 0)), 0);
    const other = Math.sqrt(norm * norm + 2 * 0.5 * (numbers[3 * WIDTH + 5] as number) + 0.25);
    expect(only.values?.error?.cosine).toBeCloseTo(product / norm / other, 6);
  });

  test("that became NaN or infinite are counted, and come first", async () => {
    const { changed } = await stacks(
      {},
      {
        value: (layer) => (i) =>
          layer === 1 && i < 3
            ? ([Number.NaN, Number.NaN, Number.POSITIVE_INFINITY][i] as number)
            : varied(layer)(i) + (layer === 3 ? 5 : 0),
      },
    );
    expect(changed.map((c) => c.a.name)).toEqual(["layer_1_weight", "layer_3_weight"]);
    expect(changed[0]?.values).toMatchObject({
      differing: 3,
      nan: { a: 0, b: 2 },
      infinite: { a: 0, b: 1 },
      error: { count: WIDTH * WIDTH - 3, maxAbsolute: 0 },
    });
  });

  test("that are NaN on both sides are equal", async () => {
    const broken = (scale: number) => (i: number) =>
      i === 0 ? Number.NaN : i === 1 ? Number.POSITIVE_INFINITY : scale * i;
    const same = await compareValues(
      weight("a", [32], broken(1)),
      weight("b", [32], broken(1), "fp16"),
      async () => undefined,
    );
    expect(same).toMatchObject({ differing: 0, nan: { a: 1, b: 1 }, infinite: { a: 1, b: 1 } });
  });

  test("under another name with the same bytes are renamed, be the names exchanged", async () => {
    const renamed = await stacks({}, { weightName: (layer) => `encoder.${layer}.w` });
    expect(renamed).toMatchObject({ identical: 0, changed: [], added: [], removed: [] });
    expect(renamed.renamed[1]).toEqual({ a: "layer_1_weight", b: "encoder_1_w" });
    const shifted = await stacks({ weightName: (i) => `const_${i}` }, { weightName: (i) => `const_${i + 1}` });
    expect(shifted).toMatchObject({ identical: 0, changed: [], added: [], removed: [] });
    expect(shifted.renamed).toContainEqual({ a: "const_3", b: "const_4" });
  });

  test("of zeros do not count as one another", async () => {
    const zeroIn = (zero: number) => (layer: number) => (i: number) => (layer === zero ? 0 : varied(layer)(i));
    const found = await stacks({ value: zeroIn(0) }, { value: zeroIn(1) });
    expect(found).toMatchObject({ identical: 2, renamed: [], added: [], removed: [] });
    expect(found.changed.map((c) => c.a.name).sort()).toEqual(["layer_0_weight", "layer_1_weight"]);
    // The reference of one of them is all zero: nothing is relative to it.
    expect(found.changed.find((c) => c.a.name === "layer_0_weight")?.values?.error).toMatchObject({
      relativeRms: null,
      cosine: null,
    });
  });

  test("of one side are added and removed, those of another shape cannot be compared", async () => {
    const found = await stacks({ layers: [0, 1] }, { layers: [1, 2] });
    expect(found.removed.map((w) => w.name)).toEqual(["layer_0_weight"]);
    expect(found.added.map((w) => [w.name, w.shape])).toEqual([["layer_2_weight", [WIDTH, WIDTH]]]);
    const wide = async (width: number): Promise<string> => {
      const g = new Graph();
      return packageOf({
        main: g.end({
          y: g.op("linear", { x: g.input("x", float32([1, width])), weight: weight("w", [4, width], varied(1)) }),
        }),
      });
    };
    const { changed } = await weightsOf(await wide(8), await wide(12));
    expect(changed).toEqual([expect.objectContaining({ change: "shape", values: null })]);
  });

  test("cast to half precision lose what halves lose; those that halves hold lose nothing", async () => {
    const a = stack({ value: (layer) => (layer === 0 ? (i) => i / 4 : varied(layer)) });
    const { weights, verdict } = await diff(
      await packageOf({ main: a }),
      await packageOf({ main: halfPrecision(a, ops) }),
    );
    const byName = Object.fromEntries(weights.changed.map((c) => [c.a.name, c]));
    expect(byName.layer_0_weight).toMatchObject({ change: "form", b: { dtype: "fp16" }, values: { differing: 0 } });
    const { values } = byName.layer_1_weight as WeightsDifference["changed"][0];
    expect(values?.error?.maxAbsolute).toBeGreaterThan(1e-5);
    expect(values?.error?.maxAbsolute).toBeLessThanOrEqual(2 ** -12);
    expect(weights.bytes).toEqual({ a: 16 * WIDTH * WIDTH, b: 8 * WIDTH * WIDTH });
    expect(verdict.summary).toMatch(/4 of 4 weights differ \(1 in form only\), relative error up to 0\.000\d+/);
  });

  test("compressed by coremltools are compared with the float ones, decoded", async () => {
    const compressed = join(corpus, "constexpr_lut_to_dense/optimized_conv_ios18_fp32.mlpackage");
    using opened = readPackage(compressed, ops);
    const [x] = opened.program.functions.get("main")?.inputs ?? [];
    const shape = [8, 3, 3, 3];
    const g = new Graph("iOS18");
    const float = tensorOf(
      "fp32",
      shape,
      Float32Array.from({ length: 216 }, (_, i) => Math.cos(i) / 8),
      "weight",
    );
    const conv = g.op("conv", {
      x: g.input("x", x?.type as ReturnType<typeof float32>),
      weight: g.weight(float, "weight"),
      pad_type: "custom",
      pad: [1, 1, 1, 1],
      strides: [1, 1],
      dilations: [1, 1],
      groups: 1,
    });
    const { weights, functions } = await diff(await packageOf({ main: g.end({ y: conv }) }), compressed);
    expect(weights.changed).toHaveLength(1);
    const [{ a, b, values }] = weights.changed as [WeightsDifference["changed"][0]];
    expect([a.name, b.name, b.decodedBy]).toEqual(["weight", "weight_palettized", ["constexpr_lut_to_dense"]]);
    expect(b.bitsPerElement).toBeLessThan(8);
    expect(values?.error?.maxAbsolute).toBeGreaterThan(0);
    expect(values?.differing).toBeGreaterThan(200);
    // Decoding is no operation of the model.
    expect(functions[0]?.operations).toMatchObject({ added: [], removed: [], changed: [], histogram: [] });
  });

  test("of one form are identical by their stored bytes alone", async () => {
    const compressed = join(corpus, "constexpr_sparse_blockwise_shift_scale/int4_rows_ios18_fp16.mlpackage");
    const { verdict, weights } = await diff(compressed, compressed);
    expect(verdict).toEqual({ status: "identical", summary: "identical" });
    expect(weights).toMatchObject({ changed: [], added: [], removed: [], renamed: [] });
    expect(weights.identical).toBe(weights.count.a);
  });

  test("that functions share are compared once and counted once", async () => {
    const shared = (value?: Stack["value"]) => {
      const one = stack({ target: "iOS18", layers: [0], ...(value ? { value } : {}) });
      return packageOf({ main: one, extra: one });
    };
    const found = await weightsOf(await shared(), await shared((layer) => (i) => varied(layer)(i) + 1));
    expect(found.count).toEqual({ a: 1, b: 1 });
    expect(found.bytes).toEqual({ a: 4 * WIDTH * WIDTH, b: 4 * WIDTH * WIDTH });
    expect(found.changed.map((c) => c.a.functions)).toEqual([["main", "extra"]]);
  });

  test("are read a piece at a time", async () => {
    let largest = 0;
    const watched = (dtype: "fp32" | "fp16"): LazyTensor => {
      const t = weight("w", [700, 300], (i) => varied(3)(i) * (i === 150_007 ? 8 : 1), dtype);
      return {
        ...t,
        dtype,
        shape: t.shape,
        key: t.key,
        read(start, count, out) {
          largest = Math.max(largest, out.length);
          t.read(start, count, out);
        },
      };
    };
    let pieces = 0;
    const found = await compareValues(watched("fp32"), watched("fp16"), async (elements) => {
      pieces += elements;
    });
    expect(largest).toBeLessThanOrEqual(1 << 18);
    expect(pieces).toBe(210_000);
    const [a, b] = [valuesOf(watched("fp32")), valuesOf(watched("fp16"))];
    const errors = Array.from(a, (x, i) => Math.abs(x - (b[i] as number)));
    const most = errors.reduce((x, y) => Math.max(x, y));
    expect(found.error?.maxAbsolute).toBe(most);
    expect(errors.indexOf(most)).toBe(150_007);
    expect(found.differing).toBe(errors.filter((e) => e > 0).length);
    const at = errors.indexOf(most);
    expect(found.error?.maxAbsoluteAt).toEqual([Math.floor(at / 300), at % 300]);
  });
});
