import { linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { Random } from "./random.ts";
import type { Sandbox } from "./sandbox.ts";

/** A file of this size is far beyond any limit, and takes no room on the disk. */
const HUGE = 5 * 2 ** 30;

/** Something else where the program expects a file: nothing, a folder, a link out, a link to itself, a pipe, a device. */
export function replaceFile(sandbox: Sandbox, file: string, sound: Buffer, random: Random): void {
  const path = join(sandbox.given, file);
  const twin = join(sandbox.outside, basename(file));
  rmSync(path, { force: true });
  const ways: readonly (() => void)[] = [
    () => undefined,
    () => mkdirSync(path),
    () => writeFileSync(path, ""),
    () => symlinkSync(path, path),
    () => symlinkSync(join(sandbox.given, "nowhere"), path),
    () => symlinkSync(twin, path),
    () => symlinkSync(relative(dirname(path), twin), path),
    () => symlinkSync("/dev/zero", path),
    () => symlinkSync(sandbox.outside, path),
    () => (sandbox.pipe ? linkSync(sandbox.pipe, path) : undefined),
    () => (sandbox.pipe ? symlinkSync(sandbox.pipe, path) : undefined),
    () => {
      writeFileSync(path, sound);
      truncateSync(path, HUGE);
    },
  ];
  random.pick(ways)();
}
