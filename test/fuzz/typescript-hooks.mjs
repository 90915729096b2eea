// Lets Node 20, which reads no TypeScript, run the sources as they are: node --import <this file>.
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

// Node loads this file a second time, on the thread where hooks run.
if (isMainThread) register(import.meta.url);

const options = {
  jsc: { parser: { syntax: "typescript" }, target: "es2023", transform: { verbatimModuleSyntax: true } },
  sourceMaps: "inline",
};

/** Node's `load` hook: the types of a TypeScript module taken out. */
export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const { transform } = await import("@swc/core");
  const path = fileURLToPath(url);
  const { code } = await transform(await readFile(path, "utf8"), { ...options, filename: path });
  return { format: "module", source: code, shortCircuit: true };
}
