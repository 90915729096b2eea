import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ops } from "../mil/ops/index.ts";
import { allNodes, argumentValues, type Program } from "../mil/program.ts";
import { byteLength, type DType, elementCount } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { readPackage } from "./read-package.ts";

export interface PackageSize {
  /** Of all files. */
  readonly bytes: number;
  /** Tensors of the weight file, each once however often it is used. */
  readonly weights: Readonly<Partial<Record<DType, { readonly tensors: number; readonly bytes: number }>>>;
}

/** How large a package on disk is. @throws ConversionError when it cannot be read */
export function packageSize(path: string): PackageSize {
  using model = readPackage(path, ops);
  // In the Hub's cache each file is a link to one.
  const files = statSync(path).isDirectory() ? filesIn(path) : [path];
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return { bytes, weights: weightSizes(blobsOf(model.program)) };
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());

/** Number and bytes of tensors by element type. */
export function weightSizes(tensors: readonly LazyTensor[]): PackageSize["weights"] {
  const sizes: Partial<Record<DType, { tensors: number; bytes: number }>> = {};
  for (const { dtype, shape } of tensors) {
    const { tensors: count, bytes } = sizes[dtype] ?? { tensors: 0, bytes: 0 };
    sizes[dtype] = { tensors: count + 1, bytes: bytes + byteLength(dtype, elementCount(shape)) };
  }
  return sizes;
}

/** The tensors of the weight file: values of `const` nodes, and parameters bound in place. */
function blobsOf(program: Program): readonly LazyTensor[] {
  const found = new Map<string, LazyTensor>();
  for (const { body } of program.functions.values()) {
    for (const node of allNodes(body)) {
      for (const { constant } of [...node.outputs, ...[...node.inputs.values()].flatMap(argumentValues)]) {
        if (constant?.kind !== "tensor" || constant.storage !== "blob" || !constant.data.at) continue;
        found.set(constant.data.key, constant.data);
      }
    }
  }
  return [...found.values()];
}
