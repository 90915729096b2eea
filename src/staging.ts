import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fail } from "./diagnostics.ts";

/**
 * A folder beside the final place where packages are made and tried. Nothing appears at the final place before it is
 * whole and has passed; whatever happens, closing removes what was not placed.
 */
export class Staging implements Disposable {
  readonly folder: string;

  /** @param output the folder the packages go to; made when it is missing */
  constructor(output: string) {
    mkdirSync(output, { recursive: true });
    this.folder = join(resolve(output), `.coreml-export-${randomBytes(6).toString("hex")}`);
    mkdirSync(this.folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Moves a finished package to its place. What stood there is replaced, and comes back if the move fails. */
  place(from: string, to: string): void {
    const aside = this.path(`replaced-${basename(to)}`);
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

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** @throws ConversionError `output.exists` where something stands at one of the paths and may not be replaced */
export function refuseExisting(paths: readonly string[], overwrite: boolean): void {
  const taken = overwrite ? undefined : paths.find((p) => existsSync(p));
  if (taken) fail("usage", "output.exists", "already exists", { path: taken, hint: "pass --overwrite to replace it" });
}
