/** What a command is called with. */
export interface Invocation {
  readonly operands: readonly string[];
  /** What flags gave, by the options' names. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** A command returns the exit status. */
export type Run = (invocation: Invocation) => Promise<number>;
