import type { Diagnostic } from "../diagnostics.ts";
import type { LazyTensor } from "../tensor/tensor.ts";

/** Tensors under their PyTorch names, in the order of the files. */
export interface TensorSource {
  names(): string[];
  /**
   * The tensor of that name, the same object each time; undefined when there is none.
   * @throws ConversionError (`tensor.dtype`, unsupported) when its element type has no counterpart here.
   */
  get(name: string): LazyTensor | undefined;
}

/** A file that holds weights. */
export interface WeightFile {
  /** In the checkpoint: `model-00001-of-00002.safetensors`. */
  readonly name: string;
  /** Absolute, symbolic links resolved. */
  readonly path: string;
}

/** A Hugging Face checkpoint: what `save_pretrained` writes. */
export interface Checkpoint {
  /** Absolute, symbolic links resolved. */
  readonly folder: string;
  /** The folder's last segment; of a snapshot in the Hub's cache, the repository's id. Never a local path. */
  readonly name: string;
  /** `config.json`. */
  readonly config: Record<string, unknown>;
  /** `preprocessor_config.json`, where there is one. */
  readonly preprocessor?: Record<string, unknown>;
  readonly tensors: TensorSource;
  readonly weightFiles: readonly WeightFile[];
  /** The commit of a snapshot in the Hub's cache. */
  readonly revision?: string;
  /** What the Hub says the SHA-256 of the weights is, as `weightsSha256` would compute it. */
  readonly weightsSha256?: string;
  /** What was odd but does not stop the work. */
  readonly diagnostics: readonly Diagnostic[];
  /**
   * The absolute path of another file of the folder, or undefined when it is not there.
   * @throws ConversionError when the name leads out of the folder.
   */
  file(name: string): string | undefined;
  /** Closes the weight files; tensors cannot be read afterwards. */
  close(): void;
}
