import type { ErrorKind } from "../diagnostics.ts";

/** What the command line ends with; scripts rely on the numbers. */
export const exitStatus: Readonly<Record<ErrorKind | "passed", number>> = {
  passed: 0,
  validation: 1,
  usage: 2,
  unsupported: 2,
  unreadable: 3,
  output: 4,
  internal: 4,
};

/** As help and documentation explain them. */
export const exitStatusTexts: readonly (readonly [status: string, meaning: string])[] = [
  ["0", "passed; or --no-validate was asked for and the package is written"],
  ["1", "validation failed or could not run; diff --exit-code: the packages differ"],
  ["2", "wrong usage, or something this version does not support"],
  ["3", "the model could not be read"],
  ["4", "the output could not be written, or an internal error"],
  ["130, 143", "interrupted by SIGINT (Ctrl-C), SIGTERM; nothing is left behind"],
];
