import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** A file that was opened, listed or changed where nothing should be. */
export interface Trespass {
  readonly call: string;
  readonly path: string;
}

type Call = (...args: unknown[]) => unknown;

const readers = ["openSync", "open", "readFileSync", "readFile", "readdirSync", "opendirSync", "createReadStream"];
const writers = [
  ...["writeFileSync", "writeFile", "appendFileSync", "mkdirSync", "mkdtempSync", "rmSync", "rmdirSync", "unlinkSync"],
  ...[
    "renameSync",
    "symlinkSync",
    "linkSync",
    "cpSync",
    "copyFileSync",
    "truncateSync",
    "createWriteStream",
    "chmodSync",
  ],
];

const { native: realpathSync } = fs.realpathSync;

/** Where a path leads, links followed as far as there is something. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(realPath(dirname(path)), path.slice(dirname(path).length));
  }
}

/** Modules that Node loads when they are first asked for. */
const modules = ["../../", "../../node_modules/"].map((p) => realPath(fileURLToPath(new URL(p, import.meta.url))));
const temporary = join(realPath(tmpdir()), "coreml-export-");

const isIn = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

const isWriting = (name: string, flags: unknown): boolean =>
  writers.includes(name) || (name.startsWith("open") && typeof flags === "string" && !/^rs?$/.test(flags));

/**
 * Reports every call of `node:fs` in this process that opens a file outside the folders named.
 * @param readable folders with what may be read, by their real paths
 * @param writable folders with what may be read and written
 */
export class WatchedFiles {
  private found: Trespass[] = [];
  private allowed: { readonly readable: readonly string[]; readonly writable: readonly string[] } | undefined;

  constructor() {
    const calls = fs as unknown as Record<string, Call>;
    for (const name of [...readers, ...writers]) {
      const original = calls[name] as Call;
      calls[name] = (...args) => {
        this.note(name, args);
        return original.apply(fs, args);
      };
    }
    syncBuiltinESMExports();
  }

  /** Watches while `body` runs, and returns where it went astray. */
  async during(
    allowed: { readonly readable: readonly string[]; readonly writable: readonly string[] },
    body: () => Promise<void>,
  ): Promise<readonly Trespass[]> {
    this.found = [];
    this.allowed = allowed;
    try {
      await body();
    } finally {
      this.allowed = undefined;
    }
    return this.found;
  }

  private note(call: string, [path, flags]: readonly unknown[]): void {
    if (!this.allowed || typeof path !== "string") return;
    const { readable, writable } = this.allowed;
    const real = realPath(resolve(path));
    const writes = isWriting(call, flags);
    // The executor's own; a case that leaves one behind is noticed elsewhere.
    if (real.startsWith(temporary)) return;
    const folders = writes ? writable : [...readable, ...writable, ...modules];
    if (!folders.some((folder) => isIn(real, folder))) this.found.push({ call, path: real });
  }
}
