/** The files that are broken: those of a checkpoint, then those of a package. */
export const kindNames = [
  "safetensors",
  "index",
  "config",
  "preprocessor",
  "tokenizer",
  "tokenizer-config",
  "card",
  "manifest",
  "specification",
  "weight-file",
] as const;
export type KindName = (typeof kindNames)[number];
