import { ConversionError, type Diagnostic, type ErrorKind } from "../diagnostics.ts";

/** A broken file can have a fault per tensor; nobody reads more than these. */
export const MAX_FAULTS = 20;

/** Collects the faults of a file, so that they are reported together. */
export class Faults {
  readonly #path: string;
  readonly #found: Diagnostic[] = [];
  #left = 0;

  /** @param path the file all of them are about. */
  constructor(path: string) {
    this.#path = path;
  }

  add(code: string, message: string, hint?: string): void {
    if (this.#found.length === MAX_FAULTS) {
      this.#left++;
      return;
    }
    this.#found.push({ code, severity: "error", path: this.#path, message, ...(hint ? { hint } : {}) });
  }

  /** @throws ConversionError when there are any: the first `MAX_FAULTS`, and a note that counts the others. */
  throwIfAny(kind: ErrorKind): void {
    if (this.#found.length === 0) return;
    const more: Diagnostic = {
      code: "checkpoint.more",
      severity: "note",
      path: this.#path,
      message: `… and ${this.#left} more like these`,
    };
    throw new ConversionError(kind, this.#left > 0 ? [...this.#found, more] : this.#found);
  }
}
