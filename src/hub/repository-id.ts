import { fail } from "../diagnostics.ts";

/** What the Hub accepts: https://huggingface.co/docs/huggingface_hub/package_reference/utilities (validate_repo_id) */
const PART = /^(?![-.])[\w.-]{1,96}(?<![-.])$/;

/**
 * Checks the id of a model repository: `namespace/name`, or `name` alone, as the oldest models are called.
 * @throws ConversionError (usage) `hub.id`
 */
export function checkRepositoryId(id: string): string {
  const parts = id.split("/");
  const wellFormed = parts.length <= 2 && parts.every((part) => PART.test(part) && !/--|\.\./.test(part));
  if (!wellFormed || id.endsWith(".git")) {
    const message = `${JSON.stringify(id)} is no id of a model on the Hub, expected namespace/name`;
    fail("usage", "hub.id", message, { hint: "for a local folder check that the path exists" });
  }
  return id;
}

/**
 * Checks a branch, tag, commit or `refs/pr/N`: it becomes part of a path in the cache.
 * @throws ConversionError (usage) `hub.revision`
 */
export function checkRevision(revision: string): string {
  if (!isPlainPath(revision)) {
    fail("usage", "hub.revision", `${JSON.stringify(revision)} is no name of a branch, tag or commit`);
  }
  return revision;
}

/** Whether a path with forward slashes stays inside any folder, on every operating system. */
export const isPlainPath = (path: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  !/[\\:\u0000-\u001f]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/** A commit's id: its snapshot has that name, and no ref leads to it. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);
