import { type ChildProcess, fork, type StdioOptions } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConversionError } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import { ops } from "../mil/ops/index.ts";
import type { Func } from "../mil/program.ts";
import type { HostTensors } from "./host-tensor.ts";
import { type LowerOptions, lower } from "./lower.ts";
import type { Reply, Request } from "./protocol.ts";
import type { Prediction, SessionOptions } from "./session.ts";

interface Limits {
  /** Seconds that opening, or one call, may take. */
  readonly timeLimit?: number;
  readonly signal?: AbortSignal;
}
export interface ExecuteOptions extends SessionOptions, Limits {}

/** Seconds: a model that takes longer on its first call is stuck rather than slow. */
const DEFAULT_TIME_LIMIT = 600;
/** Milliseconds: a longer timer fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** How much of what the process wrote before it died is quoted. */
const MAX_LAST_WORDS = 500;

/** A package running in a process of its own. */
export interface Execution extends AsyncDisposable {
  readonly interface: Interface;
  readonly classes?: readonly (string | number)[];
  readonly roundings: number;
  /** The largest resident set of the process so far, in bytes. */
  readonly peakMemory: number;
  /** States are kept from call to call. @throws ConversionError `run.time`, `run.crash`, `input.*` */
  run(inputs: HostTensors): Promise<Prediction>;
  close(): void;
}

// Tests run from the sources, and Node 20 runs none: the process is always started from what was built.
const worker = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../dist/run/worker.js" : "./worker.js", import.meta.url),
);

/** Opens a package with ONNX Runtime in a child process. @throws ConversionError when it cannot be read or loaded */
export function execute(path: string, options: ExecuteOptions): Promise<Execution> {
  const { timeLimit: _, signal: __, ...session } = options;
  return start(path, options, { kind: "open", path: resolve(path), options: session });
}

/**
 * The same for a function that is a graph in memory, its weights where they lie (the reference of a conversion).
 * @param name what errors call it
 */
export function executeGraph(
  name: string,
  func: Func,
  described: Interface,
  options: Limits & LowerOptions,
): Promise<Execution> {
  const lowered = lower(func, described, ops, options);
  return start(name, options, { kind: "start", path: name, lowered, interface: described });
}

async function start(path: string, options: Limits, opening: Request): Promise<Execution> {
  // What ONNX Runtime prints belongs into an error, not on the console of whoever uses the library.
  const stdio: StdioOptions = ["ignore", "ignore", "pipe", "ipc"];
  const child = fork(worker, [], { serialization: "advanced", execArgv: [], stdio });
  const ask = asker(child, path, options);
  let peakMemory = 0;
  let last: Promise<unknown> = Promise.resolve();
  const request = async (r: Request): Promise<Exclude<Reply, { kind: "failed" }>> => {
    // One at a time: replies do not say what they answer.
    const answered = last.then(() => ask(r));
    last = answered.catch(() => undefined);
    const reply = await answered;
    if (reply.kind === "failed") throw new ConversionError(reply.error, reply.diagnostics);
    peakMemory = reply.peakMemory;
    return reply;
  };
  const close = (): void => {
    child.kill("SIGKILL");
  };
  try {
    const opened = await request(opening);
    if (opened.kind !== "opened") throw new TypeError(`unexpected reply '${opened.kind}'`);
    return {
      interface: opened.interface,
      roundings: opened.roundings,
      ...(opened.classes ? { classes: opened.classes } : {}),
      get peakMemory() {
        return peakMemory;
      },
      async run(inputs) {
        const ran = await request({ kind: "run", inputs });
        if (ran.kind !== "ran") throw new TypeError(`unexpected reply '${ran.kind}'`);
        return ran.prediction;
      },
      close,
      [Symbol.asyncDispose]: async () => close(),
    };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** One question, one answer: or the end of the process, of the time, or of the caller's patience. */
function asker(
  child: ChildProcess,
  path: string,
  { timeLimit = DEFAULT_TIME_LIMIT, signal }: Limits,
): (request: Request) => Promise<Reply> {
  const lastWords = lastWordsOf(child);
  // Between two questions nobody listens, and an error event that nobody hears ends the program.
  child.on("error", () => undefined);
  const problem = (code: string, message: string, hint: string): ConversionError =>
    new ConversionError("validation", [{ code, severity: "error", path, message, ...(hint ? { hint } : {}) }]);
  const crash = (how: string): ConversionError =>
    problem("run.crash", `the process that ran the package ended (${how})`, lastWords());
  return (request) =>
    new Promise((done, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("close", onClose);
        child.off("error", onError);
        signal?.removeEventListener("abort", onAbort);
        finish();
      };
      const stop = (error: unknown): void =>
        settle(() => {
          child.kill("SIGKILL");
          reject(error);
        });
      const onMessage = (reply: Reply): void => settle(() => done(reply));
      const onClose = (): void => stop(crash(child.signalCode ?? `status ${child.exitCode}`));
      const onError = (cause: Error): void => stop(crash(cause.message));
      const onAbort = (): void => stop(signal?.reason);
      const timer = setTimeout(
        () => stop(problem("run.time", `took longer than ${timeLimit} s`, "raise --time-limit")),
        Math.min(timeLimit * 1000, LONGEST_TIMER),
      );
      child.on("message", onMessage).on("close", onClose).on("error", onError);
      signal?.addEventListener("abort", onAbort);
      if (signal?.aborted) onAbort();
      else if (child.exitCode !== null || child.signalCode !== null) onClose();
      else {
        child.send(request, (cause) => {
          if (cause) onError(cause);
        });
      }
    });
}

/** The end of what the process wrote to its standard error. */
function lastWordsOf({ stderr }: ChildProcess): () => string {
  let text = "";
  stderr?.setEncoding("utf8").on("data", (part: string) => {
    text = (text + part).slice(-MAX_LAST_WORDS);
  });
  return () => text.trim();
}
