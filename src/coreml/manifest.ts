// https://github.com/apple/coremltools/blob/9.0/modelpackage/src/ModelPackage.cpp
import { createHash } from "node:crypto";
import { isAbsolute, join, normalize } from "node:path";
import { fail } from "../diagnostics.ts";

const AUTHOR = "com.apple.CoreML";
export const MODEL_PATH = join("Data", AUTHOR, "model.mlmodel");
export const WEIGHTS_PATH = join("Data", AUTHOR, "weights");

/** Identifiers derived from the program, so that equal packages are equal files. */
function identifier(seed: string): string {
  const hex = createHash("sha256").update(seed).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

/** Manifest.json for a model whose specification has the given hash. */
export function manifestOf(modelHash: string): string {
  const item = (name: string, description: string): object => ({
    author: AUTHOR,
    description,
    name,
    path: `${AUTHOR}/${name}`,
  });
  const [model, weights] = [identifier(`model ${modelHash}`), identifier(`weights ${modelHash}`)];
  const items: [string, object][] = [
    [model, item("model.mlmodel", "CoreML Model Specification")],
    [weights, item("weights", "CoreML Model Weights")],
  ];
  const itemInfoEntries = Object.fromEntries(items.sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ fileFormatVersion: "1.0.0", itemInfoEntries, rootModelIdentifier: model }, null, 4)}\n`;
}

/**
 * Where the specification lies, relative to the package.
 * @throws ConversionError `package.manifest` when the manifest does not lead to a model inside the package
 */
export function modelPathOf(manifest: unknown, where: string): string {
  const broken = (what: string): never => fail("unreadable", "package.manifest", what, { path: where });
  const { rootModelIdentifier: root, itemInfoEntries: items } = (manifest ?? {}) as Record<string, unknown>;
  if (typeof root !== "string" || typeof items !== "object" || items === null)
    return broken("no rootModelIdentifier or itemInfoEntries");
  const entry = Object.hasOwn(items, root) ? (items as Record<string, { path?: unknown }>)[root] : undefined;
  const path = entry?.path;
  if (typeof path !== "string" || path === "") return broken(`entry ${root} has no path`);
  const relative = normalize(path);
  if (isAbsolute(relative) || relative.split(/[\\/]/).includes(".."))
    return broken(`path '${path}' leads out of the package`);
  return join("Data", relative);
}
