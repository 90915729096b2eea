import { fail } from "../diagnostics.ts";
import type { OptionsOf, ValuesOf } from "../options.ts";
import { validationLog } from "../report/log.ts";
import { reportRenderer, writeReport } from "../report/write.ts";
import { validate } from "../validate-package.ts";
import type { Run } from "./command.ts";
import { exitStatus } from "./exit-status.ts";
import { printDiagnostics } from "./failure.ts";
import { progressBar } from "./progress-bar.ts";

type Settings = ValuesOf<OptionsOf<"validate">, "plan" | "pipeline" | "shell">;

/** `coreml-export validate <package> --model <model>` */
export const run: Run = async ({ operands, values, signal }) => {
  const settings: Settings = values;
  const { model, report: reportPath, json, verbose: _, ...options } = settings;
  const [path] = operands as [string];
  if (model === undefined) {
    fail("usage", "cli.model", "no model is given", {
      path: "--model",
      hint: "name the checkpoint the package was made from: coreml-export validate <package> --model <id or folder>",
    });
  }
  if (reportPath !== undefined) reportRenderer(reportPath);
  const bar = progressBar(process.stderr);
  const report = await validate(path, { ...options, model, signal, onProgress: bar.update }).finally(() => bar.clear());
  if (reportPath !== undefined) writeReport(report, reportPath);
  if (json) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    printDiagnostics(report.diagnostics);
    const lines = report.packages.flatMap(({ plan, validation }) =>
      validationLog(validation, { savedAt: path, isGiven: true, probabilities: plan.classifier?.probabilities }),
    );
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return report.verdict.status === "passed" ? exitStatus.passed : exitStatus.validation;
};
