/**
 * Checks the layers of `src/`, as .dependency-cruiser.cjs states them. Fails on a violation, and when a source file
 * was not read: dependency-cruiser without a working parser finds no modules and no violations.
 *
 * usage: node scripts/layers.mjs [project folder]
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import swcVisitor from "@swc/core/Visitor.js";
import { cruise } from "dependency-cruiser";
import extractDepcruiseOptions from "dependency-cruiser/config-utl/extract-depcruise-options";

// The syntax tree walk that dependency-cruiser borrows from swc stops at `using x = ...` in a function; walk it as `const`.
const { visitStatement } = swcVisitor.Visitor.prototype;
swcVisitor.Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
  return { ...statement, decls: this.visitVariableDeclarators(statement.decls) };
};

process.chdir(process.argv[2] ?? ".");

const files = readdirSync("src", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name).replaceAll("\\", "/"));

const { output } = await cruise(["src"], await extractDepcruiseOptions("./.dependency-cruiser.cjs"));
const read = new Set(output.modules.map((module) => module.source));
const unread = files.filter((file) => !read.has(file));

for (const { from, to, rule, cycle } of output.summary.violations) {
  const path = cycle ? cycle.map((step) => step.name).join(" -> ") : to;
  console.log(from === to ? `${from}: ${rule.name}` : `${from} -> ${path}: ${rule.name}`);
}
for (const file of unread) console.log(`${file}: not read`);

const sources = output.modules.filter((module) => module.source.startsWith("src/"));
const imports = sources.flatMap((module) => module.dependencies).length;
const wrong = output.summary.violations.length + unread.length;
console.log(`layers: ${files.length} files, ${imports} imports, ${wrong} problems`);
if (wrong > 0 || files.length === 0) process.exitCode = 1;
