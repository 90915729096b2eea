import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Staging } from "../../src/staging.ts";

const root = mkdtempSync(join(tmpdir(), "staging-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const fresh = (): string => mkdtempSync(join(root, "output-"));

/** The folder of a staging whose process is gone. */
function abandoned(output: string): string {
  const { pid } = spawnSync(process.execPath, ["-e", "0"]);
  const staging = new Staging(output);
  const dead = staging.folder.replace(`-${process.pid}-`, `-${pid}-`);
  renameSync(staging.folder, dead);
  return dead;
}

test("nothing is left of what was not placed", () => {
  const output = fresh();
  {
    using staging = new Staging(output);
    mkdirSync(staging.path("Model.mlpackage"));
    writeFileSync(staging.path("x"), "x");
  }
  expect(readdirSync(output)).toEqual([]);
});

test("an output folder made for nothing goes away, one that was there stays", () => {
  const made = join(fresh(), "a");
  new Staging(made).close();
  expect(existsSync(made)).toBe(false);
  const there = fresh();
  new Staging(there).close();
  expect(existsSync(there)).toBe(true);
});

test("a package takes its place, whatever stood there", () => {
  const output = fresh();
  const to = join(output, "Model.mlpackage");
  writeFileSync(to, "old");
  using staging = new Staging(output);
  writeFileSync(staging.path("Model.mlpackage"), "new");
  staging.place(staging.path("Model.mlpackage"), to);
  expect(readFileSync(to, "utf8")).toBe("new");
});

test("when the move fails the old package is back", () => {
  const output = fresh();
  const to = join(output, "Model.mlpackage");
  writeFileSync(to, "old");
  using staging = new Staging(output);
  expect(() => staging.place(staging.path("missing"), to)).toThrow();
  expect(readFileSync(to, "utf8")).toBe("old");
});

test("what a killed process left is removed, and the package it had moved aside comes back", () => {
  const output = fresh();
  const dead = abandoned(output);
  writeFileSync(join(dead, "Model.mlpackage"), "half");
  writeFileSync(join(dead, "replaced-Model.mlpackage"), "old");
  using staging = new Staging(output);
  expect(existsSync(dead)).toBe(false);
  expect(readFileSync(join(output, "Model.mlpackage"), "utf8")).toBe("old");
  expect(readdirSync(output).sort()).toEqual([expect.stringMatching(/^\.coreml-export-/), "Model.mlpackage"]);
  expect(existsSync(staging.folder)).toBe(true);
});

test("what a living process is at work on is left alone", () => {
  const output = fresh();
  using other = new Staging(output);
  using mine = new Staging(output);
  expect(existsSync(other.folder) && existsSync(mine.folder)).toBe(true);
});
