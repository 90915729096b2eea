import { styleText } from "node:util";
import { CommanderError } from "commander";
import { ConversionError, type Diagnostic, type ErrorKind } from "../diagnostics.ts";
import { systemError } from "./system-error.ts";

/** An error as the command line shows it. */
export interface Failure {
  readonly kind: ErrorKind;
  readonly diagnostics: readonly Diagnostic[];
  /** Of an internal error: where it comes from. */
  readonly stack?: string;
}

/** What went wrong, whatever was thrown. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CommanderError) return { kind: "usage", diagnostics: [usageDiagnostic(thrown)] };
  const known = thrown instanceof ConversionError ? thrown : systemError(thrown, "read");
  if (known) {
    const { kind, diagnostics, stack } = known;
    return { kind, diagnostics, ...(kind === "internal" && stack ? { stack } : {}) };
  }
  const { message, stack } = thrown instanceof Error ? thrown : new Error(String(thrown));
  return {
    kind: "internal",
    diagnostics: [{ code: "internal", severity: "error", message: `internal error: ${message}` }],
    ...(stack ? { stack } : {}),
  };
}

/** commander says everything in one text: `error: unknown option '--x'\n(Did you mean --y?)`. */
function usageDiagnostic({ code, message }: CommanderError): Diagnostic {
  const [what = "", suggestion] = message.replace(/^error: /, "").split("\n");
  return {
    code: code.replace(/^commander\./, "cli."),
    severity: "error",
    message: what,
    hint: suggestion ? suggestion.replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?") : "see coreml-export --help",
  };
}

/** Prints diagnostics on stderr, one block each: `error: <path>: <message>`, below it `hint: <what to do>`. */
export function printDiagnostics(diagnostics: readonly Diagnostic[]): void {
  const styles = { error: "red", warning: "yellow", note: "cyan" } as const;
  const write = (text: string): boolean => process.stderr.write(`${text}\n`);
  const styled = (style: "red" | "yellow" | "cyan", text: string): string =>
    styleText(style, text, { stream: process.stderr });
  for (const { severity, path, message, hint } of diagnostics) {
    const where = path === undefined ? "" : `${path}: `;
    write(`${styled(styles[severity], `${severity}:`)} ${printable(where + message)}`);
    if (hint) write(`${styled("cyan", "hint:")} ${printable(hint)}`);
  }
}

/** Names of files and tensors may hold what a terminal obeys (ESC, and others); it is shown instead. */
const printable = (text: string): string =>
  text.replace(/(?![\n\t])\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

export interface FailureStyle {
  readonly json: boolean;
  readonly verbose: boolean;
}

/** Prints a failure: as JSON on stdout, or as text on stderr, an internal one's stack where it was asked for. */
export function printFailure({ kind, diagnostics, stack }: Failure, { json, verbose }: FailureStyle): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: { kind, diagnostics } }, null, 2)}\n`);
  } else {
    printDiagnostics(diagnostics);
    if (stack && !verbose) process.stderr.write("hint: run it again with --verbose for the stack\n");
  }
  if (stack && verbose) process.stderr.write(`${stack}\n`);
}
