/** What is being done, for a progress bar. */
export interface Progress {
  readonly phase: "write" | "validate";
  /** The package it is about. */
  readonly part: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "bytes" | "runs";
}
