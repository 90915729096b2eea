/** What went wrong or is worth knowing, as data. Collected, printed by the shells, carried by the report. */
export interface Diagnostic {
  /** Stable, dotted, for scripts: `weight.missing`, `config.unsupported`. */
  readonly code: string;
  readonly severity: "error" | "warning" | "note";
  /** The file, checkpoint path, op or option it is about. */
  readonly path?: string;
  /** What was found, where, and what was expected. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** Which exit status an error maps to: see the contract of the CLI. `output`: a result cannot be written. */
export type ErrorKind = "usage" | "unsupported" | "unreadable" | "validation" | "output" | "internal";

/** The most characters of a path, message or hint: a file's own text may be in it, and that may be as long as the file. */
const MAX_TEXT = 1000;
/** The most characters of a value of a file, as an error shows it. */
const MAX_QUOTED = 100;

/** A text of a file or of a library, cut in its middle where it is too long to be read. */
export const shortened = (text: string, most = MAX_TEXT): string =>
  text.length <= most ? text : `${text.slice(0, most / 2)} … ${text.slice(-most / 2)}`;

/** A value of a file in a message: as JSON, what is long cut. */
export const quoted = (value: unknown): string => shortened(String(JSON.stringify(value)), MAX_QUOTED);

const readable = ({ path, message, hint, ...rest }: Diagnostic): Diagnostic => ({
  ...rest,
  ...(path === undefined ? {} : { path: shortened(path) }),
  message: shortened(message),
  ...(hint === undefined ? {} : { hint: shortened(hint) }),
});

/** One or more diagnostics that stop the work. Texts too long to be read are cut in their middle. */
export class ConversionError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, given: readonly Diagnostic[], options?: ErrorOptions) {
    const diagnostics = given.map(readable);
    super(diagnostics.map((d) => (d.path ? `${d.path}: ${d.message}` : d.message)).join("\n"), options);
    this.name = "ConversionError";
    this.kind = kind;
    this.diagnostics = diagnostics;
  }
}

/** Throws a single-diagnostic `ConversionError`. */
export function fail(
  kind: ErrorKind,
  code: string,
  message: string,
  more: { path?: string; hint?: string } = {},
): never {
  throw new ConversionError(kind, [{ code, severity: "error", message, ...more }]);
}
