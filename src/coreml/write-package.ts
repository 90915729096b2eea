import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { specificationVersionOf } from "../mil/opset.ts";
import type { OpTable } from "../mil/row.ts";
import { BlobLayout, writeBlobFile } from "./blob-file.ts";
import { writeInterface } from "./interface-wire.ts";
import { MODEL_PATH, manifestOf, WEIGHTS_PATH } from "./manifest.ts";
import type { Metadata, Model } from "./package.ts";
import { type PackageSize, weightSizes } from "./package-size.ts";
import { modelMessage } from "./schema.ts";
import type { WireDescription, WireModel } from "./wire.ts";
import { writeProgram } from "./write-program.ts";

/** Called while weights are written: for progress, and as the place to stop. */
export type OnWritten = (bytes: number, total: number) => void | Promise<void>;

/** The specification as bytes, and the tensors of the weight file it refers to. */
export function encodeModel(
  model: Model,
  table: OpTable,
): { readonly specification: Uint8Array; readonly layout: BlobLayout } {
  const layout = new BlobLayout();
  const message: WireModel = {
    specificationVersion: specificationVersionOf(model.target),
    description: describe(model),
    mlProgram: writeProgram(model.program, table, (t) => layout.add(t)),
  };
  return { specification: modelMessage().encode(message).finish(), layout };
}

function describe(model: Model): WireDescription {
  const interfaces = [...model.interfaces].map(([name, i]) => [name, writeInterface(i)] as const);
  return {
    ...(model.multifunction
      ? { functions: interfaces.map(([name, i]) => ({ name, ...i })), defaultFunctionName: model.defaultFunction }
      : interfaces[0]?.[1]),
    metadata: writeMetadata(model.metadata),
  };
}

function writeMetadata(m: Metadata): NonNullable<WireDescription["metadata"]> {
  const { userDefined, ...texts } = m;
  return { ...texts, userDefined: Object.fromEntries(userDefined) };
}

/**
 * Writes a package into a folder that does not exist yet, and removes it when that fails. Memory does not grow with the
 * weights; equal models give equal bytes. Placing it where others look is the caller's business.
 * @returns how large it is
 * @throws what the file system throws (EEXIST, ENOSPC), and ConversionError when a tensor cannot be read
 */
export async function writePackage(
  path: string,
  model: Model,
  table: OpTable,
  onWritten?: OnWritten,
): Promise<PackageSize> {
  const { specification, layout } = encodeModel(model, table);
  mkdirSync(path);
  try {
    mkdirSync(join(path, WEIGHTS_PATH), { recursive: true });
    if (layout.size > 0) {
      await writeBlobFile(join(path, WEIGHTS_PATH, "weight.bin"), layout, (written) =>
        onWritten?.(written, layout.size),
      );
    }
    writeFileSync(join(path, MODEL_PATH), specification);
    const hash = createHash("sha256").update(specification).digest("hex");
    const manifest = manifestOf(hash);
    writeFileSync(join(path, "Manifest.json"), manifest);
    const bytes = specification.length + layout.size + Buffer.byteLength(manifest);
    return { bytes, weights: weightSizes(layout.blobs.map((b) => b.tensor)) };
  } catch (cause) {
    rmSync(path, { recursive: true, force: true });
    throw cause;
  }
}
