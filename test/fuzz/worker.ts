// The process that runs cases: a crash, an endless loop or too much memory ends it, and the parent knows at which case.
import { type Assignment, caseAt } from "./assignment.ts";
import type { Kind } from "./kind.ts";
import type { KindName } from "./kind-names.ts";
import { planted } from "./planted.ts";
import { type CaseResult, runCase } from "./run-case.ts";
import { Sandbox } from "./sandbox.ts";
import { WatchedFiles } from "./watched-files.ts";

export type Message = { readonly kind: "result"; readonly result: CaseResult } | { readonly kind: "done" };

const send = (message: Message): Promise<void> =>
  new Promise((done, reject) => {
    process.send?.(message, (cause: Error | null) => (cause ? reject(cause) : done()));
  });

/** The real kinds load the whole program, which planted faults do without. */
async function kindOf(name: string): Promise<Kind> {
  const kind = planted[name] ?? (await import("./kinds.ts")).kinds[name as KindName];
  if (!kind) throw new TypeError(`there is no kind '${name}'`);
  return kind;
}

async function work(assignment: Assignment, done: number): Promise<void> {
  const { kinds, count } = assignment;
  using sandbox = new Sandbox();
  const files = new WatchedFiles();
  for (let i = done; i < count * kinds.length; i++) {
    const id = caseAt(assignment, i);
    const result = await runCase(id, await kindOf(id.kind), sandbox, files);
    await send({ kind: "result", result });
  }
  await send({ kind: "done" });
}

process.once("message", ({ assignment, done }: { readonly assignment: Assignment; readonly done: number }) => {
  work(assignment, done).then(
    () => process.disconnect(),
    (cause) => {
      process.stderr.write(`${(cause as Error).stack}\n`);
      process.exit(1);
    },
  );
});
// The parent is gone.
process.on("disconnect", () => process.exit());
