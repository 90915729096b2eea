import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const open = new Set<TemporaryFile>();
const removeAll = (): void => {
  for (const file of open) file.remove();
};

/** A path for a file of another process. What stands there is removed with `remove`, or when this process ends. */
export class TemporaryFile {
  readonly path = join(tmpdir(), `coreml-export-${randomUUID()}`);

  constructor() {
    if (open.size === 0) process.once("exit", removeAll);
    open.add(this);
  }

  remove(): void {
    rmSync(this.path, { force: true });
    open.delete(this);
    if (open.size === 0) process.off("exit", removeAll);
  }
}
