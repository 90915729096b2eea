import { ConversionError } from "../diagnostics.ts";

/** What the system's errors mean for a file or folder. */
const meanings: Readonly<Record<string, string>> = {
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EACCES: "there is no permission",
  EPERM: "there is no permission",
  EROFS: "the file system is read-only",
  ENOTDIR: "a part of the path is a file, expected a folder",
  EISDIR: "a folder stands here, expected a file",
  EEXIST: "a file stands here, expected a folder",
  ENOENT: "there is no such file or folder",
};

/** An error of the file system in plain words, undefined for any other: the fault of a place, not of the program. */
export function systemError(thrown: unknown, doing: "read" | "write"): ConversionError | undefined {
  if (!(thrown instanceof Error) || !("syscall" in thrown)) return undefined;
  const { code = "", path } = thrown as NodeJS.ErrnoException;
  const meaning = meanings[code];
  if (meaning === undefined) return undefined;
  const message = `cannot ${doing}: ${meaning} (${code})`;
  const where = path === undefined ? {} : { path };
  return new ConversionError(
    doing === "write" ? "output" : "unreadable",
    [{ code: `file.${doing}`, severity: "error", message, ...where }],
    { cause: thrown },
  );
}
