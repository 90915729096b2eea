import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readPackage } from "../coreml/read-package.ts";
import { ops } from "../mil/ops/index.ts";
import { allNodes } from "../mil/program.ts";
import { byteLength, type DType, elementCount } from "../tensor/dtype.ts";

export interface PackageSize {
  /** Of all files. */
  readonly bytes: number;
  /** Tensors of the weight file, each once however often it is used. */
  readonly weights: Readonly<Partial<Record<DType, { readonly tensors: number; readonly bytes: number }>>>;
}

/** How large a package is and in which types its weights lie. @throws ConversionError when it cannot be read */
export function packageSize(path: string): PackageSize {
  using model = readPackage(path, ops);
  const weights: Partial<Record<DType, { tensors: number; bytes: number }>> = {};
  const seen = new Set<number>();
  for (const { body } of model.program.functions.values()) {
    for (const { outputs } of allNodes(body)) {
      const constant = outputs[0]?.constant;
      if (constant?.kind !== "tensor" || constant.storage !== "blob") continue;
      const { dtype, shape, at } = constant.data;
      if (!at || seen.has(at.offset)) continue;
      seen.add(at.offset);
      const sum = weights[dtype] ?? { tensors: 0, bytes: 0 };
      weights[dtype] = { tensors: sum.tensors + 1, bytes: sum.bytes + byteLength(dtype, elementCount(shape)) };
    }
  }
  return { bytes: folderBytes(path), weights };
}

function folderBytes(path: string): number {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  return files.reduce((sum, f) => sum + statSync(join(f.parentPath, f.name)).size, 0);
}
