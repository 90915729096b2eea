import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import type { OptionsOf, ValuesOf } from "../options.ts";
import { predict } from "../predict.ts";
import { readTensors, writeTensors } from "../tensor-file.ts";
import type { Run } from "./command.ts";
import { exitStatus } from "./exit-status.ts";

/** `coreml-export predict <package> --inputs <file> --output <file>`: tensors to the file, what they are to stdout. */
export const run: Run = async ({ operands, values, signal }) => {
  const settings: ValuesOf<OptionsOf<"predict">, "shell" | "pipeline"> = values;
  const { inputs, output, json: _, verbose: __, ...options } = settings;
  const [path] = operands as [string];
  if (inputs === undefined || output === undefined) {
    const missing = [...(inputs === undefined ? ["--inputs"] : []), ...(output === undefined ? ["--output"] : [])];
    const problem = (flag: string): Diagnostic => ({
      code: "cli.tensors",
      severity: "error",
      path: flag,
      message: "no safetensors file is given",
      hint: "see coreml-export predict --help",
    });
    throw new ConversionError("usage", missing.map(problem));
  }
  const { outputs, label } = await predict(path, readTensors(inputs), { ...options, signal });
  writeTensors(output, outputs);
  const described = Object.entries(outputs).map(([name, { dtype, shape }]) => [name, { dtype, shape }]);
  const answer = {
    ...(label === undefined ? {} : { label }),
    outputs: Object.fromEntries(described),
    executor: "onnxruntime",
  };
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  return exitStatus.passed;
};
