import { type Conversion, convert } from "../convert.ts";
import { ConversionError, type Diagnostic, fail } from "../diagnostics.ts";
import { nearest } from "../nn/nearest.ts";
import { type ConversionSettings, options as commands, type OptionsOf, type ValuesOf } from "../options.ts";
import { validationLog } from "../report/log.ts";
import { reportRenderer, writeReport } from "../report/write.ts";
import type { Run } from "./command.ts";
import { readConfigFile } from "./config-file.ts";
import { exitStatus } from "./exit-status.ts";
import { printDiagnostics } from "./failure.ts";
import { progressBar } from "./progress-bar.ts";
import { systemError } from "./system-error.ts";

type Settings = ConversionSettings & ValuesOf<OptionsOf<"convert">, "shell">;

/** `coreml-export -m <model> <output>` */
export const run: Run = async ({ operands, values, signal }) => {
  const {
    model,
    output,
    json,
    verbose: _,
    config: __,
    framework,
    report: reportPath,
    ...settings
  } = settingsOf(operands, values);
  if (framework === "tf") {
    fail("unsupported", "option.framework", "TensorFlow weights are not supported", {
      path: "--framework",
      hint: "save the model as safetensors with Transformers: from_pretrained(..., from_tf=True).save_pretrained(...)",
    });
  }
  if (reportPath !== undefined) reportRenderer(reportPath);
  const bar = progressBar(process.stderr);
  let conversion: Conversion;
  try {
    conversion = await convert(model, { ...settings, output, signal, onProgress: bar.update });
  } catch (cause) {
    // What is read is checked where it is read; what is left is about the output.
    throw systemError(cause, "write") ?? cause;
  } finally {
    bar.clear();
  }
  const { report } = conversion;
  if (reportPath !== undefined) writeReport(report, reportPath);
  if (json) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    printDiagnostics(conversion.diagnostics);
    process.stdout.write(`${logOf(conversion).join("\n")}\n`);
  }
  const { status } = report.verdict;
  const isAsked = status === "not-run" && settings.validate === false;
  return status === "passed" || isAsked ? exitStatus.passed : exitStatus.validation;
};

/** What flags say, before what the configuration file says. */
function settingsOf(
  operands: readonly string[],
  values: Readonly<Record<string, unknown>>,
): Settings & { readonly model: string; readonly output: string } {
  const fromFile = typeof values.config === "string" ? readConfigFile(values.config) : {};
  const [output, ...excess] = operands;
  const settings: Settings = { ...fromFile, ...values, ...(output === undefined ? {} : { output }) };
  const command = output === undefined ? undefined : nearest(output, Object.keys(commands));
  if (command && (settings.model === undefined || excess.length > 0)) {
    fail("usage", "cli.command", `'${output}' is no command`, { hint: `did you mean ${command}?` });
  }
  const problems: Diagnostic[] = [];
  const problem = (code: string, message: string): void => {
    problems.push({ code, severity: "error", message, hint: "coreml-export -m <id or folder> [options] <output>" });
  };
  if (settings.model === undefined) problem("cli.model", "no model is given");
  if (settings.output === undefined) problem("cli.output", "no output folder is given");
  if (excess.length > 0) problem("cli.operands", `one output folder is expected, found ${operands.join(", ")}`);
  if (problems.length > 0) throw new ConversionError("usage", problems);
  return settings as Settings & { readonly model: string; readonly output: string };
}

/** The log of each package, in the order they were made. */
const logOf = ({ packages, report }: Conversion): string[] =>
  report.packages.flatMap(({ plan, validation }, i) =>
    validationLog(validation, { savedAt: packages[i]?.path, probabilities: plan.classifier?.probabilities }),
  );
