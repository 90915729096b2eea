import { styleText } from "node:util";
import { Command } from "commander";
import type { CommandName } from "../options.ts";
import { VERSION } from "../version.ts";
import type { Run } from "./command.ts";
import { exitStatusTexts } from "./exit-status.ts";
import { addFlags, givenValues } from "./flags.ts";

interface CommandText {
  readonly operands: string;
  readonly description: string;
  readonly examples: readonly string[];
  /** Loads the command's code when it is wanted: help needs none of it. */
  readonly load: () => Promise<Run>;
}

/** The commands of the command line, the default one first. */
export const commandTexts: Readonly<Record<CommandName, CommandText>> = {
  convert: {
    operands: "[output]",
    description: "turn a checkpoint into a Core ML package, run it and compare it (the default command)",
    examples: [
      "coreml-export -m distilbert/distilbert-base-uncased-finetuned-sst-2-english --feature auto exported/",
      "coreml-export -m ./vit --feature auto --quantize float16 exported/",
      "coreml-export -m ./bert --sequence-length 128 --target ios17 --report report.html exported/",
      "coreml-export -m ./gpt2 --feature text-generation --use-past exported/",
      "coreml-export --config convert.json",
    ],
    load: async () => (await import("./convert.ts")).run,
  },
  validate: {
    operands: "<package>",
    description: "compare a package that is there already, of whatever origin, with the checkpoint it was made from",
    examples: [
      "coreml-export validate Model.mlpackage --model distilbert/distilbert-base-uncased",
      "coreml-export validate Model.mlpackage --model ./bert --feature fill-mask --report report.html",
    ],
    load: async () => (await import("./validate.ts")).run,
  },
  predict: {
    operands: "<package>",
    description: "run any ML Program package on the tensors of a safetensors file",
    examples: ["coreml-export predict exported/Model.mlpackage --inputs in.safetensors --output out.safetensors"],
    load: async () => (await import("./predict.ts")).run,
  },
  inspect: {
    operands: "<model>",
    description: "show what a package or a checkpoint holds; of a model on the Hub no weights are fetched",
    examples: [
      "coreml-export inspect google-bert/bert-base-uncased",
      "coreml-export inspect exported/Model.mlpackage",
      "coreml-export inspect exported/Model.mlpackage --mil",
    ],
    load: async () => (await import("./inspect.ts")).run,
  },
  diff: {
    operands: "<a> <b>",
    description: "show how package b differs from package a: interface, operations, weights and what they lost, sizes",
    examples: [
      "coreml-export diff float32/Model.mlpackage float16/Model.mlpackage",
      "coreml-export diff before.mlpackage after.mlpackage --markdown --exit-code",
    ],
    load: async () => (await import("./diff.ts")).run,
  },
  list: {
    operands: "",
    description: "list the architectures and tasks that are supported",
    examples: ["coreml-export list", "coreml-export list --json"],
    load: async () => (await import("./list.ts")).run,
  },
};

/**
 * The command line as commander knows it.
 * @param onStatus receives the exit status of the command that ran
 */
export function makeProgram(signal: AbortSignal, onStatus: (status: number) => void): Command {
  const program = new Command("coreml-export")
    .description("Turns a Hugging Face checkpoint into a Core ML package and proves that it computes the same thing.")
    .usage("-m <id or folder> [options] <output>\n       coreml-export <command> [options]")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .configureHelp({ styleTitle: bold });
  for (const [name, { operands, description, examples, load }] of Object.entries(commandTexts)) {
    const isDefault = name === "convert";
    const command = program
      .command(`${name} ${operands}`.trim(), { isDefault })
      .description(description)
      // The default command is also what a misspelt one arrives at, and says so better than commander could.
      .allowExcessArguments(isDefault)
      .action(async () => {
        const run = await load();
        onStatus(await run({ operands: command.args, values: givenValues(command, name as CommandName), signal }));
      });
    addFlags(command, name as CommandName);
    command.addHelpText("after", help(examples));
    if (isDefault) describeDefault(program, command, examples);
  }
  return program;
}

/** `coreml-export --help` tells the flags of the default command too. */
function describeDefault(program: Command, command: Command, examples: readonly string[]): void {
  const own = program.createHelp();
  program.configureHelp({
    ...program.configureHelp(),
    visibleOptions: (of) => (of === program ? [...command.options, ...own.visibleOptions(of)] : own.visibleOptions(of)),
  });
  program.addHelpText("after", help(examples));
}

const help = (examples: readonly string[]): string => {
  const statuses = exitStatusTexts.map(([status, meaning]) => `  ${status.padEnd(8)}  ${meaning}`);
  return ["", bold("Examples:"), ...examples.map((e) => `  ${e}`), "", bold("Exit status:"), ...statuses].join("\n");
};

/** commander takes the escape codes out again where colours are not wanted. */
const bold = (title: string): string => styleText("bold", title, { validateStream: false });
