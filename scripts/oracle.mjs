/**
 * Checks packages with coremltools through tools/check_mlpackage.py, warnings included. Fails on a problem, and when
 * there is no package. Where Python or PyPI is absent it says so and checks nothing, which is an error if CI is set.
 *
 * usage: node scripts/oracle.mjs [--json <file>] [folder]
 *
 * The folder is searched for `*.mlpackage`; by default it is COREML_EXPORT_KEEP_PACKAGES, where tests leave what they
 * write. The JSON file receives `{ "clean": number, "bad": number }`.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";

/** Loading coremltools takes seconds, so one process checks many packages. */
const packagesPerProcess = 32;
/** Each process takes some 300 MB. */
const mostProcesses = 4;

/** Warnings about what the product offers knowingly. */
const acceptedWarnings = [
  // `--empty-past` lets the past be empty, by default too, and says itself that no Mac is known to accept it.
  /: dimension \d+ may be 0; no proof that Core ML runs it$/,
  /: input past_key_values_\d+_(key|value): default shape \[\d+, \d+, 0, \d+\] has a dimension below 1$/,
];

/** Every package below a folder. */
function packagesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.name.endsWith(".mlpackage") ? [path] : packagesIn(path);
    })
    .sort();
}

/** Runs the checker over a few packages; a package it does not mention has the problem that it was not checked. */
async function problemsOf(python, packages) {
  const options = { maxBuffer: 64 * 1024 * 1024 };
  // The exit status only repeats what the lines say.
  const { stdout, stderr } = await promisify(execFile)(
    python,
    ["tools/check_mlpackage.py", ...packages],
    options,
  ).catch((error) => error);
  const problems = new Map();
  let current;
  for (const line of stdout.split("\n")) {
    const named = packages.find((path) => line.startsWith(`${path}: `));
    if (named !== undefined) {
      current = [];
      problems.set(named, current);
    } else if (line.trim() !== "") {
      current?.push(line.trim().replace(/^- /, ""));
    }
  }
  return packages.map((path) => ({
    path,
    problems: (problems.get(path) ?? [`not checked: ${stderr.trim() || "the checker stopped"}`]).filter(
      (problem) => !acceptedWarnings.some((accepted) => accepted.test(problem)),
    ),
  }));
}

/** Checks all packages, a few processes side by side. */
async function check(python, packages) {
  const waiting = [];
  for (let i = 0; i < packages.length; i += packagesPerProcess) waiting.push(packages.slice(i, i + packagesPerProcess));
  const results = [];
  const processes = Array.from({ length: Math.min(mostProcesses, availableParallelism()) }, async () => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      results.push(...(await problemsOf(python, batch)));
    }
  });
  await Promise.all(processes);
  return results;
}

const { values, positionals } = parseArgs({ options: { json: { type: "string" } }, allowPositionals: true });
const folder = positionals[0] ?? process.env.COREML_EXPORT_KEEP_PACKAGES;
if (folder === undefined) {
  console.error("oracle: which folder? Name it, or set COREML_EXPORT_KEEP_PACKAGES.");
  process.exit(2);
}

const venv = spawnSync("tools/oracle-venv.sh", { encoding: "utf8" });
if (venv.status !== 0) {
  const absent = venv.status === 3 ? "Python" : venv.status === 4 ? "PyPI" : undefined;
  const mayBeAbsent = absent !== undefined && !process.env.CI;
  console.log(
    `oracle: ${mayBeAbsent ? `skipped, ${absent} is absent` : "failed"}: ${venv.error ?? venv.stderr.trim()}`,
  );
  process.exit(mayBeAbsent ? 0 : 1);
}

const results = await check(venv.stdout.trim(), packagesIn(folder));
const bad = results.filter(({ problems }) => problems.length > 0);
for (const { path, problems } of bad) console.log([path, ...problems].join("\n  - "));

const clean = results.length - bad.length;
console.log(`oracle: ${clean} packages clean, ${bad.length} with errors`);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ clean, bad: bad.length }));
if (bad.length > 0 || results.length === 0) process.exitCode = 1;
