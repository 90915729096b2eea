// https://huggingface.co/docs/huggingface_hub/guides/manage-cache: the layout of the Hub's cache.
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";

/** One revision of a repository in the Hub's cache, whose files are links into a folder of blobs that revisions share. */
export interface Snapshot {
  /** `models--org--name/snapshots/<revision>` */
  readonly path: string;
  /** `org/name` */
  readonly repository: string;
  readonly revision: string;
  /** `models--org--name/blobs` */
  readonly blobs: string;
}

export const isInside = (path: string, folder: string): boolean => {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/** The snapshot that a folder is, or lies in. @param folder absolute, symbolic links resolved */
export function snapshotOf(folder: string): Snapshot | undefined {
  const above = dirname(folder);
  if (above === folder) return undefined;
  const repository = dirname(above);
  if (basename(above) !== "snapshots" || !basename(repository).startsWith("models--")) return snapshotOf(above);
  return {
    path: folder,
    repository: basename(repository).slice("models--".length).replace("--", "/"),
    revision: basename(folder),
    blobs: join(repository, "blobs"),
  };
}

/**
 * Whether a file found by a name in `folder` may be read. Links are followed inside the folder, and from a snapshot of
 * the Hub's cache into the blobs of its repository; nowhere else, since the folder may come from anybody.
 * @param file where the name leads; like `folder` absolute, symbolic links resolved
 */
export function mayLead(folder: string, file: string): boolean {
  if (isInside(file, folder)) return true;
  const snapshot = snapshotOf(folder);
  return snapshot !== undefined && isInside(file, snapshot.blobs);
}
