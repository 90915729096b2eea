/** What is being done, for a progress bar. */
export interface Progress {
  readonly phase: "download" | "write" | "validate" | "compare";
  /** The package it is about; of a download the model. */
  readonly part: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "bytes" | "runs";
}
