import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { type Conversion, convert } from "../../src/convert.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import { inspect } from "../../src/inspect.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { PlanOptions } from "../../src/options.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { htmlReport } from "../../src/report/html.ts";
import { junitReport } from "../../src/report/junit.ts";
import { markdownReport } from "../../src/report/markdown.ts";
import { inputSuite } from "../../src/validate/input-suite.ts";
import { openTokenizer } from "../../src/validate/tokenizer.ts";
import type { End, Judge } from "./judge.ts";
import type { Use } from "./kind.ts";
import type { Subject } from "./subject.ts";

/** Seconds a call of the converted package may take. */
const TIME_LIMIT = 20;

/** Everything a user does with a checkpoint: look at it, convert it, read the report. */
export async function useCheckpoint({ options = {} }: Subject, use: Use): Promise<End> {
  const { sandbox, judge, before, half, executes } = use;
  if (!use.converts) return judge.endOf("planning", () => plan(sandbox.given, options, judge));
  const looked = await judge.endOf("inspect", async () => JSON.stringify(await inspect(sandbox.given)).length);
  let conversion: Conversion | undefined;
  const end = await judge.endOf("convert", async () => {
    conversion = await convert(sandbox.given, {
      ...options,
      output: sandbox.output,
      precision: half ? "float16" : "float32",
      validate: executes,
      timeLimit: TIME_LIMIT,
      overwrite: before === "an older package",
    });
    const { verdict } = conversion.report;
    return verdict.status === "not-run" ? "converted" : verdict.status;
  });
  if (conversion) await checkConversion(conversion, use);
  else if (!sandbox.isUntouched(before))
    judge.bug(`after a failure the output holds ${sandbox.listing(sandbox.output)}`);
  if (looked.kind !== "success" && end.kind === "success")
    judge.bug(`inspect refuses with ${looked.code} what convert takes`);
  return end;
}

/** What a conversion does before anything is built, and the calls that validation makes. */
function plan(folder: string, options: PlanOptions, judge: Judge): string {
  const checkpoint = openCheckpoint(folder);
  try {
    const { plans, traits } = makePlan(checkpoint, options);
    const { tokenizer, diagnostics } = openTokenizer((name) => checkpoint.file(name));
    for (const p of plans) {
      const suite = inputSuite(p, {
        ...(traits.kind === "text" ? { vocabulary: traits.vocabulary } : {}),
        ...(tokenizer ? { tokenizer } : {}),
      });
      for (const d of [...suite.diagnostics, ...diagnostics]) judge.diagnostic("planning", d);
    }
    return tokenizer ? "planned, with a tokenizer" : "planned";
  } finally {
    checkpoint.close();
  }
}

async function checkConversion(
  { packages, report, diagnostics }: Conversion,
  { sandbox, judge, rereads }: Use,
): Promise<void> {
  for (const d of diagnostics) judge.diagnostic("convert", d);
  if (rereads)
    for (const render of [JSON.stringify, htmlReport, junitReport, (r: typeof report) => markdownReport(r, 60_000)]) {
      await judge.endOf("report", () => String(render(report)).length);
    }
  const placed = packages.flatMap((p) => p.path ?? []);
  // A package that failed is not placed, and a folder made for it goes away again.
  const found = existsSync(sandbox.output) ? readdirSync(sandbox.output) : [];
  const expected = placed.map((p) => p.slice(sandbox.output.length + 1));
  const rest = found.filter(
    (name) => !expected.includes(name) && packages.every((p) => p.path !== undefined || p.name !== name),
  );
  if (rest.length > 0) judge.bug(`the output holds ${rest}, expected ${expected}`);
  for (const path of rereads ? placed : []) {
    const read = await judge.endOf("reading the package", () => readPackage(join(path), ops).close());
    if (read.kind !== "success")
      judge.bug(`the package that was written cannot be read: ${read.code} ${"message" in read ? read.message : ""}`);
  }
}
