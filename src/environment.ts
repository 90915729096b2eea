import { createRequire } from "node:module";
import type { Environment } from "./report/report.ts";

/** What a report says of the machine it was made on: nothing that names it. */
export const environment = (): Environment => ({
  platform: process.platform,
  arch: process.arch,
  node: process.versions.node,
  onnxruntime: onnxruntimeVersion(),
});

function onnxruntimeVersion(): string | null {
  try {
    return (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string }).version;
  } catch {
    return null;
  }
}
