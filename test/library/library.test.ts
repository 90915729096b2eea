import { join } from "node:path";
import { describe, expect, expectTypeOf, test } from "vitest";
import { inspect, programText } from "../../src/inspect.ts";
import { supportedArchitectures, supportedTasks } from "../../src/list.ts";
import type { ConversionSettings, PlanOptions } from "../../src/options.ts";
import { predict } from "../../src/predict.ts";
import { callsOf, cases, compared, corpus } from "../ops/corpus.ts";

describe("predict", () => {
  test("takes and gives tensors by name", async () => {
    const c = cases.find((each) => each.op === "layer_norm" && !each.calls);
    if (!c) throw new Error("the corpus has no layer_norm");
    const [call] = callsOf(c);
    const { outputs } = await predict(join(corpus, c.package), call?.inputs ?? {});
    for (const [name, expected] of Object.entries(call?.outputs ?? {})) {
      const actual = outputs[name];
      expect(actual?.shape).toEqual(expected.shape);
      const { error, allowed } = compared(actual ?? expected, expected, c.precision);
      expect(error).toBeLessThanOrEqual(allowed);
    }
  });

  test("stops when it is told to", async () => {
    const reason = new Error("enough");
    const running = predict("test/corpus/abs/fp_ios15_fp32.mlpackage", {}, { signal: AbortSignal.abort(reason) });
    await expect(running).rejects.toBe(reason);
  });

  test("says that Core ML is not there", async () => {
    await expect(predict("any.mlpackage", {}, { executor: "coreml" })).rejects.toMatchObject({ kind: "usage" });
  });
});

describe("inspect", () => {
  test("counts operations, the most frequent first, and weights once", async () => {
    const found = await inspect("test/corpus/models/functions_ios18_fp32.mlpackage");
    if (found.kind !== "package") throw new Error(found.kind);
    expect(found.functions.map((f) => f.name).sort()).toEqual(["classify_tokens", "score"]);
    for (const { ops } of found.functions) {
      const counts = Object.values(ops);
      expect(counts).toEqual([...counts].sort((a, b) => b - a));
      expect(Object.keys(ops)).not.toContain("const");
    }
    expect(found.bytes).toBeGreaterThan(Object.values(found.weights).reduce((sum, w) => sum + w.bytes, 0));
  });

  test("gives the program as text", () => {
    expect(programText("test/corpus/abs/fp_ios15_fp32.mlpackage")).toMatch(/^func main<\w+>\([\s\S]*= abs\(/);
  });
});

describe("supported tasks", () => {
  test("are those of the heads", () => {
    expect(supportedTasks("vit")).toEqual(expect.arrayContaining(["image-classification", "masked-im"]));
    expect(supportedArchitectures().map((a) => a.modelType)).toContain("gpt2");
  });

  test("of an unknown model type are none, but a near name", () => {
    expect(() => supportedTasks("brt")).toThrow(
      expect.objectContaining({
        kind: "unsupported",
        diagnostics: [expect.objectContaining({ hint: expect.stringContaining("did you mean 'bert'?") })],
      }),
    );
  });
});

describe("the types of the options", () => {
  test("are those of the table", () => {
    expectTypeOf<NonNullable<PlanOptions["precision"]>>().toEqualTypeOf<"float32" | "float16">();
    expectTypeOf<NonNullable<PlanOptions["sequenceLength"]>>().toEqualTypeOf<number | string>();
    expectTypeOf<NonNullable<ConversionSettings["atol"]>>().toEqualTypeOf<number>();
    expectTypeOf<PlanOptions>().not.toHaveProperty("atol");
    expectTypeOf<ConversionSettings>().not.toHaveProperty("json");
  });
});
