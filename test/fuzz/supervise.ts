import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Assignment, caseAt } from "./assignment.ts";
import type { CaseId, CaseResult } from "./run-case.ts";
import type { Message } from "./worker.ts";

export interface Limits {
  /** Seconds on the clock that one case may take, processes it starts included. */
  readonly seconds: number;
  /** Milliseconds of processor time that the process itself may take for a case. A sound file takes some ten. */
  readonly processor: number;
  /** Bytes the process may hold at its peak, its own some hundred included. */
  readonly memory: number;
}
export const limits: Limits = { seconds: 60, processor: 5000, memory: 700 << 20 };

/** What V8 may allocate, in MB: far above what a small file needs. */
const HEAP = 384;
const MAX_LAST_WORDS = 3000;
const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/**
 * Runs cases in a process of their own. One that hangs, dies or grows is a bug of the case it was at, and a new process
 * goes on behind it.
 */
export async function supervise(
  assignment: Assignment,
  onResult: (result: CaseResult) => void,
  { seconds, processor, memory }: Limits = limits,
): Promise<void> {
  let done = 0;
  while (done < assignment.count * assignment.kinds.length) {
    const ended = await runOnce(assignment, done, seconds, (result) => {
      done++;
      const isTooMuch = result.peakMemory > memory;
      const bugs = [...result.bugs];
      if (isTooMuch) bugs.push(`the process held ${result.peakMemory >> 20} MB`);
      if (result.milliseconds > processor) bugs.push(`took ${result.milliseconds.toFixed(0)} ms`);
      onResult({ ...result, bugs });
      return !isTooMuch;
    });
    if (ended !== undefined) onResult(lost(caseAt(assignment, done++), ended));
  }
}

const lost = (id: CaseId, bug: string): CaseResult => ({
  id,
  subject: "",
  end: { kind: "bug", code: "lost", message: bug },
  bugs: [bug],
  milliseconds: 0,
  peakMemory: 0,
});

/** @returns why the process did not get to its end; undefined when it did, or `onResult` stopped it */
function runOnce(
  assignment: Assignment,
  from: number,
  seconds: number,
  onResult: (r: CaseResult) => boolean,
): Promise<string | undefined> {
  const hooks = [
    "--import",
    path("./typescript-hooks.mjs"),
    "--enable-source-maps",
    `--max-old-space-size=${HEAP}`,
    "--max-semi-space-size=32",
  ];
  // Whatever a killed process left behind goes with this folder.
  const temporary = mkdtempSync(join(tmpdir(), "fuzzing-"));
  const env = { ...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary };
  const child = fork(path("./worker.ts"), [], { execArgv: hooks, stdio: ["ignore", "ignore", "pipe", "ipc"], env });
  const lastWords = lastWordsOf(child);
  return new Promise<string | undefined>((done) => {
    let outcome: string | undefined;
    let isDone = false;
    const stop = (why: string | undefined): void => {
      isDone = true;
      outcome = why;
      child.kill("SIGKILL");
    };
    const watch = (): NodeJS.Timeout => setTimeout(() => stop(`took longer than ${seconds} s`), seconds * 1000);
    let timer = watch();
    child.on("message", (message: Message) => {
      clearTimeout(timer);
      if (message.kind === "done") isDone = true;
      else if (onResult(message.result)) timer = watch();
      else stop(undefined);
    });
    child.on("error", (cause) => stop(cause.message));
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      done(isDone ? outcome : `the process ended (${signal ?? `status ${status}`}): ${lastWords()}`);
    });
    child.send({ assignment, done: from });
  }).finally(() => rmSync(temporary, { recursive: true, force: true }));
}

/** The end of what the process wrote to its standard error. */
function lastWordsOf({ stderr }: ChildProcess): () => string {
  let text = "";
  stderr?.setEncoding("utf8").on("data", (part: string) => {
    text = (text + part).slice(-MAX_LAST_WORDS);
  });
  return () => text.trim();
}
