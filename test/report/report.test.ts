import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageSize } from "../../src/coreml/package-size.ts";
import { makeReport, type Report, SCHEMA_VERSION } from "../../src/report/report.ts";
import { inputSuite } from "../../src/validate/input-suite.ts";
import { validatePackage } from "../../src/validate/validate.ts";
import { overallVerdict, type Verdict, verdictText } from "../../src/validate/verdict.ts";
import { casesOf, modelTypes } from "../fixtures/case.ts";
import { inProcess, packageFolder, plannedOf, planOf, referenceOf } from "../validate/planned.ts";
import { badSet, environment, floats, goodSet, hiddenPlan, passed, reportOf, setOf, validationOf } from "./reports.ts";

const schema = JSON.parse(readFileSync(new URL("../../src/report/report.schema.json", import.meta.url), "utf8"));
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);
/** What the schema finds wrong with a report, after it went through JSON. */
const problemsOf = (report: unknown): string[] => {
  validate(JSON.parse(JSON.stringify(report)));
  return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
};

const folder = packageFolder();
afterAll(() => folder.remove());

/** Every report the pipeline can make has been through here: packages really written, run and compared. */
async function realReport(
  modelType: string,
  name: string,
  precision: "float32" | "float16" = "float32",
): Promise<Report> {
  const float = await folder.write(modelType, name);
  const made = precision === "float32" ? float : await folder.write(modelType, name, { precision });
  const validation = await validatePackage({
    path: made.path,
    plan: made.plan,
    reference: referenceOf(float.path),
    suite: inputSuite(made.plan, { vocabulary: 30 }),
    executors: { onnxruntime: inProcess },
  });
  const casts = new Map([
    ["lossy", { elements: 9, overflowed: 1, flushed: 2, subnormal: 3, nan: 0, infinite: 0 }],
    ["fine", { elements: 9, overflowed: 0, flushed: 0, subnormal: 3, nan: 0, infinite: 0 }],
  ]);
  const size = packageSize(made.path);
  return makeReport(
    [
      {
        path: made.path,
        plan: made.plan,
        size,
        validation,
        casts,
        halfRange: [{ value: "x", set: "y", maxAbsolute: null }],
      },
    ],
    {
      diagnostics: [
        { code: "a.b", severity: "note", path: join(folder.path, "config.json"), message: `see ${made.path}` },
      ],
      environment,
      seconds: { write: 0.5 },
    },
  );
}

describe("real reports fit the schema", () => {
  test.each([
    ["bert", "feature-extraction_base", "float16"],
    ["bert", "text-classification_duplicate_labels", "float32"],
    ["gpt2", "text-generation_base_past", "float32"],
    ["vit", "masked-im_base", "float32"],
    ["bert", "multiple-choice_four", "float16"],
  ] as const)("%s %s %s", async (modelType, name, precision) => {
    expect(problemsOf(await realReport(modelType, name, precision))).toEqual([]);
  });

  test("and so does the plan of every fixture", () => {
    for (const modelType of modelTypes) {
      for (const { name } of casesOf(modelType)) {
        for (const plan of plannedOf(modelType, name).plans)
          expect(problemsOf(reportOf(plan, validationOf([]))), `${modelType} ${name}`).toEqual([]);
      }
    }
  });

  test("and one of a failure, of a run that did not happen, of other shapes and names", () => {
    const t = floats([1], [0]);
    const sets = [
      badSet,
      setOf(hiddenPlan, "names", { a: t }, { b: t }),
      setOf(hiddenPlan, "shapes", { a: t }, { a: floats([1, 1], [0]) }),
      setOf(hiddenPlan, "nan", { a: floats([1], [Number.NaN]) }, { a: t }),
    ];
    const failed: Verdict = { status: "failed", executor: "onnxruntime", reason: "why" };
    expect(problemsOf(reportOf(hiddenPlan, validationOf(sets, { verdict: failed })))).toEqual([]);
    const notRun: Verdict = { status: "not-run", executor: null, reason: "why" };
    expect(problemsOf(reportOf(hiddenPlan, validationOf([], { verdict: notRun })))).toEqual([]);
    const enumerated = planOf("bert", "feature-extraction_base", { sequenceLength: "4,8" });
    expect(problemsOf(reportOf(enumerated, validationOf([])))).toEqual([]);
  });
});

describe("the schema refuses", () => {
  const good = reportOf(hiddenPlan, validationOf([goodSet, badSet]));
  type Json = Record<string, unknown>;
  const edited = (edit: (report: Json) => void): unknown => {
    const copy = JSON.parse(JSON.stringify(good));
    edit(copy);
    return copy;
  };
  const first = (report: Json, key: string): Json => (report[key] as Json[])[0] as Json;

  test.each<[string, (report: Json) => void]>([
    ["another version", (r) => Object.assign(r, { schemaVersion: SCHEMA_VERSION + 1 })],
    ["a field it does not know", (r) => Object.assign(r, { extra: 1 })],
    ["a success without an executor", (r) => Object.assign(r, { verdict: { status: "passed", executor: null } })],
    ["a failure without a reason", (r) => Object.assign(r, { verdict: { status: "failed", executor: "coreml" } })],
    ["a verdict of its own", (r) => Object.assign(r, { verdict: { status: "fine", executor: "coreml" } })],
    ["no package", (r) => Object.assign(r, { packages: [] })],
    ["a package with a path", (r) => Object.assign(first(r, "packages"), { name: "a/Model.mlpackage" })],
    ["a field too many in a plan", (r) => Object.assign(first(r, "packages").plan as Json, { more: 1 })],
    ["a negative count", (r) => Object.assign(first(r, "packages"), { bytes: -1 })],
  ])("%s", (_, edit) => {
    expect(problemsOf(edited(edit))).not.toEqual([]);
  });

  test("any missing field, at any depth", () => {
    const optional =
      /\/(description|revision|transformersVersion|values|labels|classifier|choices|author|license|version|path|hint)$/;
    const missing: string[] = [];
    const walk = (value: unknown, path: string, drop: (key: string) => unknown): void => {
      if (typeof value !== "object" || value === null) return;
      for (const key of Object.keys(value)) {
        const at = `${path}/${key}`;
        const isMap = /\/(lengths|weights|seconds)$/.test(path) && !path.endsWith("measured/seconds");
        if (!Array.isArray(value) && !isMap && !optional.test(at) && problemsOf(drop(key)).length === 0)
          missing.push(at);
        const inner = (value as Json)[key];
        const without = (k: string): unknown =>
          edited((r) => {
            const parent = at
              .slice(1)
              .split("/")
              .reduce<unknown>((o, step) => (o as Json)[step], r);
            delete (parent as Json)[k];
          });
        walk(inner, at, without);
      }
    };
    walk(JSON.parse(JSON.stringify(good)), "", (key) => edited((r) => delete r[key]));
    expect(missing).toEqual([]);
  });
});

describe("a report", () => {
  let report: Report;
  beforeAll(async () => {
    report = await realReport("bert", "feature-extraction_base", "float16");
  });

  test("holds no local path", () => {
    expect(JSON.stringify(report)).not.toContain(folder.path);
    expect(report.diagnostics[0]).toMatchObject({
      path: "config.json",
      message: expect.stringMatching(/^see Model\d+\.mlpackage$/),
    });
  });

  test("is the same twice but for what was measured", async () => {
    const again = await realReport("bert", "feature-extraction_base", "float16");
    const stable = ({ measured: _, ...rest }: Report): string =>
      JSON.stringify(rest).replaceAll(/Model\d+\.mlpackage/g, "Model.mlpackage");
    expect(stable(again)).toBe(stable(report));
  });

  test("counts weights by type and all bytes", () => {
    const [p] = report.packages;
    expect(p?.weights.fp16?.tensors).toBeGreaterThan(10);
    expect(p?.bytes).toBeGreaterThan(p?.weights.fp16?.bytes ?? Number.POSITIVE_INFINITY);
  });

  test("lists only weights that lost something", () => {
    expect(report.packages[0]?.casts).toEqual([
      { tensor: "lossy", elements: 9, overflowed: 1, flushed: 2, nan: 0, infinite: 0 },
    ]);
  });

  test("leaves labels that look like paths alone", () => {
    const plan = { ...hiddenPlan, labels: ["/m/01g317", "/"] };
    expect(reportOf(plan, validationOf([])).packages[0]?.plan.labels).toEqual(["/m/01g317", "/"]);
  });

  test("is about something", () => {
    expect(() => makeReport([], { diagnostics: [], environment })).toThrow(RangeError);
  });
});

test("the overall verdict is the worst", () => {
  const coreml: Verdict = { status: "passed", executor: "coreml" };
  const failed: Verdict = { status: "failed", executor: "coreml", reason: "x" };
  const notRun: Verdict = { status: "not-run", executor: null, reason: "y" };
  expect(overallVerdict([coreml, passed])).toBe(passed);
  expect(overallVerdict([coreml, coreml])).toBe(coreml);
  const partial: Verdict = { status: "passed", executor: "onnxruntime", notCompared: ["pooler_output"] };
  expect(overallVerdict([passed, partial]), "what one leaves out").toEqual(partial);
  expect(overallVerdict([passed, notRun])).toBe(notRun);
  expect(overallVerdict([notRun, failed])).toBe(failed);
  expect(overallVerdict([]).status).toBe("not-run");
});

test("verdicts have one wording", () => {
  expect(verdictText(passed)).toBe("passed (package run by ONNX Runtime)");
  expect(verdictText({ status: "passed", executor: "coreml" })).toBe("passed (Core ML)");
  expect(verdictText({ status: "not-run", executor: null, reason: "no Mac" })).toBe("not run: no Mac");
});
