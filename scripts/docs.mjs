/**
 * Makes what follows from the code: docs/cli.md, docs/support.md, docs/ops.md, docs/ops/*.md, and the lists of
 * architectures and tasks in src/. The pages are made from dist/: build first.
 *
 * usage: node scripts/docs.mjs [--check]
 *
 * With --check nothing is written; a file that differs is an error.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { architectureIndex, taskIndex } from "./docs/indexes.mjs";

const mayWrite = !process.argv.includes("--check");
let stale = 0;

/** Brings one file up to date, or counts it. @returns whether it differed */
function settle(path, text) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return false;
  if (mayWrite) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`${path}: written`);
  } else {
    stale++;
    console.log(`${path}: differs from what the code says; npm run build && npm run docs`);
  }
  return true;
}

const changed = [
  settle("src/architectures/index.ts", architectureIndex()),
  settle("src/tasks/index.ts", taskIndex()),
].includes(true);
if (changed && mayWrite) {
  console.log("docs: the sources changed; build, and run it again for the pages");
  process.exit(1);
}

// After the indexes: the pages import what was built from them.
const { cli } = await import("./docs/cli.mjs");
const { opsDetailPages, opsPage } = await import("./docs/ops.mjs");
const { support } = await import("./docs/support.mjs");
settle("docs/cli.md", cli());
settle("docs/support.md", support());
settle("docs/ops.md", opsPage());
const details = opsDetailPages();
for (const [path, text] of details) settle(path, text);
console.log(`docs: ${5 + details.length} files, ${stale} stale`);
if (stale > 0) process.exitCode = 1;
