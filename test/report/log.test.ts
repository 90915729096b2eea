import { describe, expect, test } from "vitest";
import { validationLog } from "../../src/report/log.ts";
import { badSet, classifierPlan, floats, goodSet, hiddenPlan, passed, setOf, validationOf } from "./reports.ts";

const savedAt = "exported/Model.mlpackage";
const failed = { status: "failed", executor: "onnxruntime", reason: "1 of 2 input sets (right-padded)" } as const;

describe("a passing run", () => {
  test("by Core ML, in the words of the contract", () => {
    const large = floats([1, 128, 768], Array(128 * 768).fill(0.5));
    const set = setOf(hiddenPlan, "length-128", { last_hidden_state: large }, { last_hidden_state: large });
    const found = validationOf([set], { verdict: { status: "passed", executor: "coreml" } });
    expect(validationLog(found, { savedAt })).toEqual([
      "Validating Core ML model...",
      "\t-[✓] Core ML model output names match reference model ({'last_hidden_state'})",
      '\t- Validating Core ML model output "last_hidden_state":',
      "\t\t-[✓] (1, 128, 768) matches (1, 128, 768)",
      "\t\t-[✓] all values close (atol: 0.0001)",
      "\t\t\t- 1 input set, worst length-128: max |difference| 0, max |reference| 0.5",
      "\t\t\t- atol float32: 1e-4",
      expect.stringMatching(/^\t- reference: checkpoint \(our float32 graph/),
      "All good, model saved at: exported/Model.mlpackage",
    ]);
  });

  test("by ONNX Runtime says so first and does not say that all is good", () => {
    const lines = validationLog(validationOf([goodSet]), { savedAt });
    expect(lines[0]).toBe("Validating Core ML model with ONNX Runtime (Core ML itself does not run here)...");
    expect(lines.at(-1)).toBe("Passed (package run by ONNX Runtime), model saved at: exported/Model.mlpackage");
    expect(lines.join("\n")).not.toContain("All good");
  });
});

describe("a classifier", () => {
  const scores = floats([1, 2], [0.2, 0.8]);
  const plan = { ...classifierPlan, labels: ["POSITIVE", "NEGATIVE"] };
  const { probabilities = "" } = plan.classifier ?? {};
  const log = (label: string, classes = { passed: true, actual: 2, expected: 2 }): string[] => {
    const set = setOf(plan, "sentence", { [probabilities]: scores }, { [probabilities]: scores }, label);
    return validationLog(validationOf([set], { classes, verdict: set.passed ? passed : failed }), {
      savedAt,
      probabilities,
    });
  };

  test("that agrees, in the words of the contract", () => {
    expect(log("NEGATIVE").slice(1, 5)).toEqual([
      "\t- Core ML model is classifier, validating output",
      "\t\t-[✓] predicted class NEGATIVE matches NEGATIVE",
      "\t\t-[✓] number of classes 2 matches 2",
      "\t\t-[✓] all values close (atol: 0.0001)",
    ]);
  });

  test("that predicts something else", () => {
    expect(log("POSITIVE")).toContain("\t\t-[x] predicted class POSITIVE doesn't match NEGATIVE");
  });

  test("that knows other classes", () => {
    const lines = log("NEGATIVE", { passed: false, actual: 3, expected: 2 });
    expect(lines).toContain("\t\t-[x] number of classes 3 doesn't match 2, or their names differ");
  });
});

describe("a failing run", () => {
  test("says which values, where, and what was expected", () => {
    const lines = validationLog(validationOf([goodSet, badSet], { verdict: failed }), { savedAt: undefined });
    expect(lines.slice(3)).toEqual([
      "\t\t-[✓] (1, 2, 3) matches (1, 2, 3)",
      "\t\t-[x] values not close enough (atol: 0.0001)",
      "\t\t\t- right-padded: max |difference| 0.25 is above 0.0001; first at (0, 1, 1): 0.25, expected 0",
      expect.stringMatching(/^\t- reference: checkpoint/),
      "Validation failed: 1 of 2 input sets (right-padded), the model was not saved",
    ]);
  });

  test("by shape", () => {
    const set = setOf(
      hiddenPlan,
      "length-2",
      { last_hidden_state: floats([1, 3, 2], Array(6).fill(0)) },
      { last_hidden_state: floats([1, 2, 3], Array(6).fill(0)) },
    );
    const lines = validationLog(validationOf([set], { verdict: failed }), { savedAt });
    expect(lines).toContain("\t\t-[x] shape (1, 3, 2) doesn't match (1, 2, 3) (length-2)");
  });

  test("by name", () => {
    const t = floats([1], [0]);
    const set = setOf(hiddenPlan, "length-2", { a: t, b: t }, { b: t, c: t });
    const lines = validationLog(validationOf([set], { verdict: failed }), { savedAt });
    expect(lines[1]).toBe("\t-[x] Core ML model output names {'b', 'a'} do not match reference model {'b', 'c'}");
  });

  test("by NaN", () => {
    const t = floats([2], [0, 1]);
    const set = setOf(
      hiddenPlan,
      "length-2",
      { last_hidden_state: floats([2], [0, Number.NaN]) },
      { last_hidden_state: t },
    );
    const lines = validationLog(validationOf([set], { verdict: failed }), { savedAt });
    expect(lines).toContain("\t\t\t- length-2: 1 values are NaN; first at (1,): not finite, expected 1");
  });
});

test("a run that did not happen claims nothing", () => {
  const found = validationOf([], {
    verdict: { status: "not-run", executor: null, reason: "validation was switched off" },
    diagnostics: [{ code: "x", severity: "warning", path: "tokenizer.json", message: "unusable" }],
  });
  expect(validationLog(found, { savedAt })).toEqual([
    "\t- warning: tokenizer.json: unusable",
    "Not validated: validation was switched off, model saved at: exported/Model.mlpackage",
  ]);
});

test("half precision names the spread", () => {
  const precisionSpread = [{ output: "y", set: "s", maxAbsolute: 0.00123, maxReference: 4, rms: 0.0001 }];
  const lines = validationLog(validationOf([goodSet], { precisionSpread }), { savedAt });
  expect(lines).toContain('\t- precision spread of "y": 0.00123 (max |reference| 4)');
});
