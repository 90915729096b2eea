import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { ConversionError, fail } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import { specificationVersionOf, type Target, targets } from "../mil/opset.ts";
import type { OpTable } from "../mil/row.ts";
import { unification } from "../mil/unify.ts";
import { verify } from "../mil/verify.ts";
import { BlobReader } from "./blob-file.ts";
import { readInterface } from "./interface-wire.ts";
import { modelPathOf } from "./manifest.ts";
import type { Metadata, Model } from "./package.ts";
import { readProgram } from "./read-program.ts";
import { modelMessage } from "./schema.ts";
import type { WireDescription, WireModel, WireProgram } from "./wire.ts";

/** A specification holds no weights to speak of; beyond this something else is in the file. protobufjs reads at most 2 GB. */
const MAX_SPECIFICATION = 1 << 30;
const MAX_MANIFEST = 1 << 20;

/** A package on disk, its graph verified. Close it when its tensors are no longer read. */
export interface OpenPackage extends Model, Disposable {
  readonly path: string;
  close(): void;
}

/**
 * Reads any ML Program package, ours or another writer's.
 * @throws ConversionError `package.*` for what cannot be read, `op.*` for operations the table cannot explain
 */
export function readPackage(path: string, table: OpTable): OpenPackage {
  const modelPath = locate(path);
  const wire = decode(modelPath);
  let weights: BlobReader | undefined;
  const close = (): void => weights?.close();
  const open = (): BlobReader => {
    if (weights) return weights;
    const file = join(dirname(modelPath), "weights", "weight.bin");
    if (!existsSync(file)) fail("unreadable", "package.weights", "the weight file is missing", { path: file });
    weights = new BlobReader(inside(path, file));
    return weights;
  };
  try {
    const { program: programWire, ...rest } = parts(wire, path);
    const unifier = unification();
    const program = readProgram(programWire, rest.interfaces, {
      blob: (offset, dtype, shape) => open().tensor(offset, dtype, shape),
      unifier,
      where: path,
    });
    verify(program, table, unifier);
    return { ...rest, program, path, close, [Symbol.dispose]: close };
  } catch (cause) {
    close();
    if (cause instanceof RangeError) fail("unreadable", "package.number", cause.message, { path });
    throw cause;
  }
}

/** The specification's file, by the manifest. */
function locate(path: string): string {
  if (!existsSync(path)) fail("unreadable", "package.missing", "no such package", { path });
  if (!existsSync(join(path, "Manifest.json"))) {
    const hint = path.endsWith(".mlmodel") ? "a bare .mlmodel is no package" : "expected a folder with a Manifest.json";
    fail("unreadable", "package.manifest", "has no Manifest.json", { path, hint });
  }
  const manifest = inside(path, join(path, "Manifest.json"));
  if (statSync(manifest).size > MAX_MANIFEST)
    fail("unreadable", "package.manifest", `is larger than ${MAX_MANIFEST} bytes`, { path: manifest });
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(manifest, "utf8"));
  } catch (cause) {
    fail("unreadable", "package.manifest", `is no JSON: ${(cause as Error).message}`, { path: manifest });
  }
  const model = join(path, modelPathOf(json, manifest));
  if (!existsSync(model))
    fail("unreadable", "package.model", "the manifest names a model that is missing", { path: model });
  const real = inside(path, model);
  const { size } = statSync(real);
  if (size > MAX_SPECIFICATION)
    fail("unreadable", "package.model", `is ${size} bytes, more than ${MAX_SPECIFICATION}`, { path: model });
  return real;
}

/** The real path of a regular file that must lie in the package. */
function inside(root: string, file: string): string {
  const [realRoot, real] = [realpathSync(root), realpathSync(file)];
  if (!real.startsWith(realRoot + sep))
    fail("unreadable", "package.escape", `leads out of the package, to ${real}`, { path: file });
  return statSync(real).isFile() ? real : fail("unreadable", "package.file", "is no regular file", { path: file });
}

function decode(path: string): WireModel {
  try {
    const type = modelMessage();
    return type.toObject(type.decode(readFileSync(path)), { longs: Number }) as WireModel;
  } catch (cause) {
    throw new ConversionError(
      "unreadable",
      [{ code: "package.model", severity: "error", path, message: `is no Core ML model: ${(cause as Error).message}` }],
      { cause },
    );
  }
}

const otherModels: Readonly<Record<string, string>> = {
  neuralNetwork: "a NeuralNetwork",
  neuralNetworkClassifier: "a NeuralNetwork classifier",
  neuralNetworkRegressor: "a NeuralNetwork regressor",
  pipeline: "a pipeline",
  pipelineClassifier: "a pipeline classifier",
  pipelineRegressor: "a pipeline regressor",
  customModel: "a custom model",
  linkedModel: "a linked model",
};

function parts(wire: WireModel, path: string): Omit<Model, "program"> & { readonly program: WireProgram } {
  const version = wire.specificationVersion ?? 0;
  const target: Target | undefined = targets.find((t) => specificationVersionOf(t) === version);
  const kind = Object.keys(otherModels).find((k) => wire[k] !== undefined);
  if (kind) fail("unsupported", "package.kind", `is ${otherModels[kind]}, not an ML Program`, { path });
  if (!wire.mlProgram) return fail("unsupported", "package.kind", "holds no ML Program", { path });
  if (!target)
    return fail("unsupported", "package.version", `specification version ${version}, expected 6 to 10`, { path });
  const d: WireDescription = wire.description ?? {};
  const listed = d.functions ?? [];
  const interfaces = new Map<string, Interface>(
    listed.length > 0 ? listed.map((f) => [f.name ?? "", readInterface(f, path)]) : [["main", readInterface(d, path)]],
  );
  return {
    target,
    interfaces,
    multifunction: listed.length > 0,
    defaultFunction: listed.length > 0 ? d.defaultFunctionName || (listed[0]?.name ?? "") : "main",
    metadata: readMetadata(d),
    program: wire.mlProgram,
  };
}

function readMetadata({ metadata: m = {} }: WireDescription): Metadata {
  const { userDefined, ...texts } = m;
  return { ...texts, userDefined: new Map(Object.entries(userDefined ?? {})) };
}
