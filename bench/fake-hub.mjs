import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "..");

/**
 * The tests' fake Hub in a process of its own, with a folder as its only repository.
 * @param built an empty folder for the compiled server: Node 20 runs no TypeScript
 * @param slow bytes and milliseconds: the storage sends so many, then waits
 */
export async function startFakeHub(built, folder, id, slow = []) {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const server = join(root, "test/hub/fake-hub/serve.ts");
  const flags = ["--target", "es2023", "--module", "nodenext", "--types", "node", "--rewriteRelativeImportExtensions"];
  execFileSync(process.execPath, [compiler, "--ignoreConfig", ...flags, "--outDir", built, server], {
    cwd: root,
    stdio: "inherit",
  });
  const child = spawn(process.execPath, [join(built, "serve.js"), folder, id, ...slow.map(String)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await once(createInterface(child.stdout), "line");
  return { ...JSON.parse(line), pid: child.pid, stop: () => child.stdin.end() };
}
