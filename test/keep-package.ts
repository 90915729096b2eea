import { cpSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { expect } from "vitest";

/**
 * Leaves a copy of a package that the running test wrote where `npm run oracle` finds it: below the folder that
 * COREML_EXPORT_KEEP_PACKAGES names, under the names of the test's file and of the test. Does nothing where it is unset.
 * @returns the path of the copy.
 * @throws when the test already left a package of that name.
 */
export function keepPackage(path: string): string | undefined {
  const folder = process.env.COREML_EXPORT_KEEP_PACKAGES;
  if (!folder) return undefined;
  const { testPath = "", currentTestName = "" } = expect.getState();
  const file = relative(import.meta.dirname, testPath).replace(/\.test\.ts$/, "");
  const copy = join(folder, file, currentTestName.replace(/[^\w.-]+/g, "-"), basename(path));
  cpSync(path, copy, { recursive: true, errorOnExist: true, force: false });
  return copy;
}
