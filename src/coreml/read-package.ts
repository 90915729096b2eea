import { readFileSync } from "node:fs";
import { ConversionError, fail } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import { specificationVersionOf, type Target, targets } from "../mil/opset.ts";
import type { OpTable } from "../mil/row.ts";
import { unification } from "../mil/unify.ts";
import { verify } from "../mil/verify.ts";
import { BlobReader } from "./blob-file.ts";
import { readInterface } from "./interface-wire.ts";
import { otherModels } from "./model-kinds.ts";
import type { Metadata, Model } from "./package.ts";
import { packageFiles } from "./package-files.ts";
import { readProgram } from "./read-program.ts";
import { modelMessage } from "./schema.ts";
import type { WireDescription, WireModel, WireProgram } from "./wire.ts";

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
  const files = packageFiles(path);
  const wire = decode(files.model);
  const weights = new Map<string, BlobReader>();
  const close = (): void => {
    for (const reader of weights.values()) reader.close();
  };
  const weightsIn = (reference: string): BlobReader => {
    const name = weights.size === 0 ? "blob" : `blob of ${reference}`;
    const reader = weights.get(reference) ?? new BlobReader(files.weights(reference), name);
    weights.set(reference, reader);
    return reader;
  };
  try {
    const { program: programWire, ...rest } = parts(wire, path);
    const unifier = unification();
    const program = readProgram(programWire, rest.interfaces, {
      blob: (file, offset, dtype, shape) => weightsIn(file).tensor(offset, dtype, shape),
      unifier,
      where: path,
    });
    verify(program, table, unifier, "hiding");
    return { ...rest, program, path, close, [Symbol.dispose]: close };
  } catch (cause) {
    close();
    if (cause instanceof RangeError) fail("unreadable", "package.number", cause.message, { path });
    throw cause;
  }
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

function parts(wire: WireModel, path: string): Omit<Model, "program"> & { readonly program: WireProgram } {
  const version = wire.specificationVersion ?? 0;
  const target: Target | undefined = targets.find((t) => specificationVersionOf(t) === version);
  for (const [field, { name, hint }] of Object.entries(otherModels)) {
    if (wire[field] === undefined) continue;
    fail("unsupported", "package.kind", `is ${name}, not an ML Program`, { path, ...(hint ? { hint } : {}) });
  }
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
