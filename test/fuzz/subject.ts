import type { ConversionSettings } from "../../src/options.ts";

/** Something sound to start from: files by their path in the folder that is given to the program. */
export interface Subject {
  readonly name: string;
  readonly files: ReadonlyMap<string, Buffer>;
  /** What a checkpoint is converted with. */
  readonly options?: ConversionSettings;
}
