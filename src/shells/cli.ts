#!/usr/bin/env node
import { CommanderError } from "commander";
import { exitStatus } from "./exit-status.ts";
import { failureOf, printFailure } from "./failure.ts";
import { canonicalArguments } from "./flags.ts";
import { Interruption } from "./interruption.ts";
import { makeProgram } from "./program.ts";

/** Runs the command line. @returns the exit status */
async function main(args: readonly string[]): Promise<number> {
  using interruption = new Interruption();
  let status = exitStatus.passed;
  const program = makeProgram(interruption.signal, (s) => {
    status = s;
  });
  if (args.length === 0) {
    process.stderr.write(program.helpInformation());
    return exitStatus.usage;
  }
  try {
    await program.parseAsync(canonicalArguments(args), { from: "user" });
    return status;
  } catch (thrown) {
    // Help and version end by being thrown as well.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return exitStatus.passed;
    // Ctrl-C reaches the process that runs a package too, and its end may be noticed before the signal is.
    await new Promise(setImmediate);
    if (interruption.status !== undefined) {
      process.stderr.write("interrupted\n");
      return interruption.status;
    }
    const failure = failureOf(thrown);
    const verbose = args.includes("--verbose") || Boolean(process.env.DEBUG);
    printFailure(failure, { json: args.includes("--json"), verbose });
    return exitStatus[failure.kind];
  }
}

for (const stream of [process.stdout, process.stderr]) {
  // A reader that has seen enough (`| head`) is no reason to stop, nor to complain.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
process.exitCode = await main(process.argv.slice(2));
