import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Subject } from "./subject.ts";

/** What stands at the place of the package before a conversion. */
export type Before = "nothing" | "an empty folder" | "an older package";

const OLDER = join("Model.mlpackage", "Manifest.json");

/** A folder for one case after the other: what is given to the program, where its output goes, and what lies outside. */
export class Sandbox implements Disposable {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), "fuzz-")));
  readonly given = join(this.root, "given");
  readonly output = join(this.root, "output");
  readonly outside = join(this.root, "outside");
  /** A pipe that nobody writes to; absent where the system has none. */
  readonly pipe: string | undefined;
  private listed = "";

  constructor() {
    this.pipe = process.platform === "win32" ? undefined : join(this.root, "pipe");
    if (this.pipe) execFileSync("mkfifo", [this.pipe]);
  }

  /** Lays out a subject, and its sound files a second time outside: links and paths that lead there find what they seek. */
  lay({ files }: Subject, before: Before): void {
    for (const folder of [this.given, this.output, this.outside]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(this.outside);
    for (const [file, bytes] of files) {
      const path = join(this.given, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      writeFileSync(join(this.outside, basename(file)), bytes);
    }
    this.listed = this.listing(this.outside);
    if (before !== "nothing") mkdirSync(this.output);
    if (before === "an older package") {
      mkdirSync(join(this.output, dirname(OLDER)));
      writeFileSync(join(this.output, OLDER), "older");
    }
  }

  /** Names and sizes of everything below a folder, in one text. */
  listing(folder: string): string {
    let entries: string[];
    try {
      entries = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
    } catch {
      return "";
    }
    return entries.map((name) => `${name} ${sizeOf(join(folder, name))}`).join("\n");
  }

  /** What changed where nothing may: outside, beside the folders of a case, in what was given. */
  changes(givenBefore: string): readonly string[] {
    const changes: string[] = [];
    if (this.listing(this.outside) !== this.listed) changes.push("something changed outside of the folders given");
    const extra = readdirSync(this.root).filter((n) => !["given", "output", "outside", "pipe"].includes(n));
    if (extra.length > 0) changes.push(`${extra} appeared beside the folders given`);
    const left = readdirSync(dirname(this.root)).filter((n) => n.startsWith("coreml-export-"));
    if (left.length > 0) changes.push(`${left} was left behind`);
    if (this.listing(this.given) !== givenBefore) changes.push("the folder given was changed");
    return changes;
  }

  /** Whether the output is as it was before. */
  isUntouched(before: Before): boolean {
    const listing = this.listing(this.output);
    if (before !== "an older package") return listing === "";
    return readdirSync(this.output).length === 1 && readFileSync(join(this.output, OLDER), "utf8") === "older";
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function sizeOf(path: string): string {
  const status = lstatSync(path);
  return status.isFile() ? String(status.size) : status.isDirectory() ? "folder" : "other";
}
