import type { Folder } from "./folder.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts";

/** The safetensors files of a checkpoint, by name. */
export interface WeightFiles {
  /** @throws ConversionError (`checkpoint.path`) when the name leads out of the folder. */
  has(name: string): boolean;
  /** @throws ConversionError (unreadable) when the file cannot be read or its header is broken. */
  open(name: string): SafetensorsFile;
}

/** Those of a folder. */
export const filesOf = (folder: Folder): WeightFiles => ({
  has: (name) => folder.file(name) !== undefined,
  open: (name) => openSafetensors(folder.file(name) ?? name),
});
