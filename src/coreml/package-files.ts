import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { mayLead } from "../checkpoint/links.ts";
import { fail } from "../diagnostics.ts";
import { modelPathOf } from "./manifest.ts";

/** A specification holds no weights to speak of; beyond this something else is in the file. protobufjs reads at most 2 GB. */
const MAX_SPECIFICATION = 1 << 30;
const MAX_MANIFEST = 1 << 20;
/** What a compiled model has and a package has not. */
const COMPILED = ["coremldata.bin", "model.mil", "model.espresso.net"];
/** The first bytes of a zip archive. */
const ZIP = "PK\u0003\u0004";
/** How a program names its weight files: from the folder that the specification stands in. */
const MODEL_FOLDER = "@model_path/";

/** Where the files of a package are. None leads out of it, but from the Hub's cache to its blobs. */
export interface PackageFiles {
  /** The specification, symbolic links resolved. */
  readonly model: string;
  /**
   * A weight file, symbolic links resolved.
   * @param reference as the program has it: `@model_path/weights/weight.bin`
   * @throws ConversionError `package.weights` when it is not there, `package.escape`
   */
  weights(reference: string): string;
}

/**
 * Finds the files of a package, or of a specification alone (`.mlmodel`), whose weights lie beside it.
 * @throws ConversionError `package.missing`, `package.manifest`, `package.model`, `package.escape`; `package.kind` for a
 *   compiled model and an archive
 */
export function packageFiles(path: string): PackageFiles {
  if (!existsSync(path)) fail("unreadable", "package.missing", "no such package", { path });
  return statSync(path).isDirectory() ? filesOfPackage(path) : filesOfSpecification(path);
}

function filesOfPackage(path: string): PackageFiles {
  if (!existsSync(join(path, "Manifest.json"))) refuseFolder(path);
  const manifest = inside(path, join(path, "Manifest.json"));
  if (statSync(manifest).size > MAX_MANIFEST)
    fail("unreadable", "package.manifest", `is larger than ${MAX_MANIFEST} bytes`, { path: manifest });
  let json: unknown;
  try {
    // Apple's reader skips a byte order mark, too.
    json = JSON.parse(readFileSync(manifest, "utf8").replace(/^\uFEFF/, ""));
  } catch (cause) {
    fail("unreadable", "package.manifest", `is no JSON: ${(cause as Error).message}`, { path: manifest });
  }
  const model = join(path, modelPathOf(json, manifest));
  if (!existsSync(model))
    fail("unreadable", "package.model", "the manifest names a model that is missing", { path: model });
  return files(path, model);
}

function filesOfSpecification(path: string): PackageFiles {
  if (!statSync(path).isFile()) fail("unreadable", "package.file", "is no regular file", { path });
  if (startOf(path, ZIP.length) === ZIP)
    fail("unsupported", "package.kind", "is a zip archive", { path, hint: "unpack it, and give the .mlpackage in it" });
  return files(dirname(realpathSync(path)), realpathSync(path));
}

function files(root: string, model: string): PackageFiles {
  const real = inside(root, model);
  const { size } = statSync(real);
  if (size > MAX_SPECIFICATION)
    fail("unreadable", "package.model", `is ${size} bytes, more than ${MAX_SPECIFICATION}`, { path: model });
  return {
    model: real,
    weights(reference) {
      const name = reference.startsWith(MODEL_FOLDER) ? reference.slice(MODEL_FOLDER.length) : "";
      if (name === "" || /\0/.test(name))
        fail("unreadable", "package.weights", `a constant in '${reference}', expected '${MODEL_FOLDER}...'`, {
          path: model,
        });
      const file = join(dirname(model), name);
      if (!existsSync(file)) {
        const hint = "the specification alone has no weights: give the .mlpackage that it is from";
        const isAlone = root === dirname(model);
        fail("unreadable", "package.weights", "the weight file is missing", {
          path: file,
          ...(isAlone ? { hint } : {}),
        });
      }
      return inside(root, file);
    },
  };
}

/** The real path of a regular file that must lie in the package. */
function inside(root: string, file: string): string {
  const real = realpathSync(file);
  if (!mayLead(realpathSync(root), real))
    fail("unreadable", "package.escape", `leads out of the package, to ${real}`, { path: file });
  return statSync(real).isFile() ? real : fail("unreadable", "package.file", "is no regular file", { path: file });
}

function refuseFolder(path: string): never {
  const names = readdirSync(path);
  if (COMPILED.some((name) => names.includes(name))) {
    const hint = "give the .mlpackage that it was compiled from";
    fail("unsupported", "package.kind", "is a compiled model (.mlmodelc)", { path, hint });
  }
  const [inner] = names.filter((name) => name.endsWith(".mlpackage")).sort();
  const hint = inner === undefined ? "expected a folder with a Manifest.json" : `give ${join(path, inner)}`;
  return fail("unreadable", "package.manifest", "has no Manifest.json", { path, hint });
}

function startOf(path: string, length: number): string {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.toString("latin1", 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}
