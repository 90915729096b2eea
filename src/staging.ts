import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fail } from "./diagnostics.ts";

/** Staging folders are named after the machine and the process that made them, so that a dead one's can be told. */
const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const named = /^\.coreml-export-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}$/;
const REPLACED = "replaced-";

/**
 * A folder beside the final place where packages are made and tried. Nothing appears at the final place before it is
 * whole and has passed; whatever happens, closing removes what was not placed, and what a killed process left is put
 * right by the next one.
 */
export class Staging implements Disposable {
  readonly folder: string;
  private readonly output: string;
  private readonly madeOutput: boolean;

  /** @param output the folder the packages go to; made when it is missing */
  constructor(output: string) {
    this.output = resolve(output);
    this.madeOutput = mkdirSync(this.output, { recursive: true }) !== undefined;
    recover(this.output);
    const name = `.coreml-export-${machine}-${process.pid}-${randomBytes(6).toString("hex")}`;
    this.folder = join(this.output, name);
    mkdirSync(this.folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Moves a finished package to its place. What stood there is replaced, and comes back if the move fails. */
  place(from: string, to: string): void {
    const aside = this.path(`${REPLACED}${basename(to)}`);
    const had = existsSync(to);
    mkdirSync(dirname(to), { recursive: true });
    if (had) renameSync(to, aside);
    try {
      renameSync(from, to);
    } catch (cause) {
      if (had) renameSync(aside, to);
      throw cause;
    }
  }

  /** An output folder that was made for nothing goes away too. */
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
    if (this.madeOutput && existsSync(this.output) && readdirSync(this.output).length === 0) rmdirSync(this.output);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Removes what processes left that are gone. One that was killed between two moves gets its old package back. */
function recover(output: string): void {
  for (const name of readdirSync(output)) {
    const [, host, pid] = named.exec(name) ?? [];
    if (host !== machine || isAlive(Number(pid))) continue;
    const folder = join(output, name);
    for (const file of readdirSync(folder)) {
      const to = join(output, file.slice(REPLACED.length));
      if (file.startsWith(REPLACED) && !existsSync(to)) renameSync(join(folder, file), to);
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it is there, and somebody else's.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** @throws ConversionError `output.exists` where something stands at one of the paths and may not be replaced */
export function refuseExisting(paths: readonly string[], overwrite: boolean): void {
  const taken = overwrite ? undefined : paths.find((p) => existsSync(p));
  if (taken) fail("usage", "output.exists", "already exists", { path: taken, hint: "pass --overwrite to replace it" });
}
