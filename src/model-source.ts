import { existsSync } from "node:fs";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { openCheckpoint, outlineCheckpoint } from "./checkpoint/open.ts";
import { ConversionError, type Diagnostic, fail } from "./diagnostics.ts";
import type { HubOptions } from "./hub/download.ts";
import type { Wish } from "./hub/remote-model.ts";
import type { Progress } from "./progress.ts";

/** Where models come from. What is not given comes from the environment, as in the Hub's Python tools. */
export interface SourceOptions extends Pick<HubOptions, "revision" | "cacheDir" | "offline" | "token" | "endpoint"> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A model that was found: in a folder, or on the Hub. */
export interface ModelSource {
  /** What is worth knowing: `hub.renamed`, `option.effect`. */
  readonly diagnostics: readonly Diagnostic[];
  /** Whether `open` would have to fetch weights. */
  readonly isRemote: boolean;
  /** Names, types and shapes of the tensors, without their values: of a model on the Hub by range requests. */
  outline(): Promise<Checkpoint>;
  /**
   * Everything, fetched first where it is not here.
   * @param also files wanted beside those a conversion needs, where the repository has them
   */
  open(also?: readonly Wish[]): Promise<Checkpoint>;
}

/**
 * Finds a model: the folder of that path where there is one, or else the id of a model on the Hub.
 * @throws ConversionError `hub.*`, `checkpoint.*`
 */
export async function findSource(model: string, options: SourceOptions = {}): Promise<ModelSource> {
  if (existsSync(model) || !isId(model)) {
    refuseAddress(model);
    return folderSource(model, options);
  }
  // A folder needs none of it.
  const { findModel } = await import("./hub/download.ts");
  const { onProgress, revision, cacheDir, token, endpoint, offline, signal } = options;
  const found = await findModel(model, {
    ...(revision === undefined ? {} : { revision }),
    ...(cacheDir === undefined ? {} : { cacheDir }),
    ...(token === undefined ? {} : { token }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(offline === undefined ? {} : { offline }),
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    throw notFound(error) ?? error;
  });
  return {
    diagnostics: found.diagnostics,
    isRemote: found.isRemote,
    async outline() {
      const headers = await found.headers();
      return headers ? outlineCheckpoint(found.folder, headers) : openCheckpoint(found.folder);
    },
    async open(also) {
      await found.bring(
        ({ done, total }) => onProgress?.({ phase: "download", part: model, done, total, unit: "bytes" }),
        also,
      );
      return openCheckpoint(found.folder);
    },
  };
}

/** A page's address is what people have at hand; which server is asked is a setting of its own. */
function refuseAddress(model: string): void {
  if (!/^https?:\/\//.test(model)) return;
  const [, id] = /^https?:\/\/[^/]+\/([\w.-]+\/[\w.-]+)/.exec(model) ?? [];
  fail("usage", "model.address", `'${model}' is an address, expected the id of a model or a folder`, {
    hint: id ? `pass ${id}` : "pass namespace/name",
  });
}

/** What the Hub does not have may have been meant as a folder. */
function notFound(error: unknown): ConversionError | undefined {
  if (!(error instanceof ConversionError)) return undefined;
  const [first] = error.diagnostics;
  if (first?.code !== "hub.not-found") return undefined;
  const hint = `there is no folder of that name either; ${first.hint}`;
  return new ConversionError(error.kind, [{ ...first, hint }], { cause: error });
}

/** Whether a text can be an id: `name` or `namespace/name`. Anything else can only be a path. */
const isId = (model: string): boolean => /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(model);

function folderSource(model: string, { revision, cacheDir }: SourceOptions): ModelSource {
  const open = async (): Promise<Checkpoint> => openCheckpoint(model);
  const ignored = Object.entries({ revision, "cache-dir": cacheDir }).filter(([, value]) => value !== undefined);
  return {
    isRemote: false,
    outline: open,
    open,
    diagnostics: ignored.map(([flag]) => ({
      code: "option.effect",
      severity: "warning",
      path: `--${flag}`,
      message: `has no effect: '${model}' is a local folder`,
    })),
  };
}
