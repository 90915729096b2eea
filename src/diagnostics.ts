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

/** One or more diagnostics that stop the work. */
export class ConversionError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, diagnostics: readonly Diagnostic[], options?: ErrorOptions) {
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
