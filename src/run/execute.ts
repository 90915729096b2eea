import { type ChildProcess, fork, type StdioOptions } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConversionError } from "../diagnostics.ts";
import type { Interface } from "../mil/interface.ts";
import type { Func } from "../mil/program.ts";
import { together } from "./blocks/together.ts";
import type { HostTensors } from "./host-tensor.ts";
import type { LowerOptions } from "./lower.ts";
import type { Reply, Request } from "./protocol.ts";
import type { Prediction, SessionOptions } from "./session.ts";
import { TemporaryFile } from "./temporary-file.ts";

export interface Limits {
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
  /** How many blocks the function runs in, one at a time, so that its weights need not all be in memory. */
  readonly blocks: number;
  /**
   * States are kept from call to call. Calls made at the same time share the opening of blocks.
   * @throws ConversionError `run.time`, `run.crash`, `run.load`, `input.*`
   */
  run(inputs: HostTensors): Promise<Prediction>;
  close(): void;
}

// Tests run from the sources, and Node 20 runs none: the process is always started from what was built.
const worker = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../dist/run/worker.js" : "./worker.js", import.meta.url),
);

/**
 * Opens a package with ONNX Runtime in a child process. Weights that are compressed are decoded into a file in the
 * folder for temporary ones; it is gone when the process is.
 * @throws ConversionError when it cannot be read or loaded, `run.disk` when decoded weights find no room
 */
export function execute(path: string, options: ExecuteOptions): Promise<Execution> {
  const { timeLimit: _, signal: __, ...session } = options;
  const spill = new TemporaryFile();
  const opening: Request = { kind: "open", path: resolve(path), options: session, spill: spill.path };
  return start(path, options, opening, () => spill.remove());
}

/**
 * The same for a function that is a graph in memory, its weights where they lie (the reference of a conversion).
 * @param name what errors call it
 */
export async function executeGraph(
  name: string,
  func: Func,
  described: Interface,
  options: Limits & LowerOptions,
): Promise<Execution> {
  // A package is lowered in its own process: whoever runs one need not load the operations here.
  const [{ ops }, { lower }] = await Promise.all([import("../mil/ops/index.ts"), import("./lower.ts")]);
  const lowered = lower(func, described, ops, options);
  return start(name, options, { kind: "start", path: name, lowered, interface: described });
}

type Answer = Exclude<Reply, { kind: "failed" }>;

/** A process that answers one question at a time. */
interface Questioned {
  /** @throws ConversionError what it answers, `run.time`, `run.crash` */
  request(r: Request): Promise<Answer>;
  readonly peakMemory: number;
  close(): void;
}

/**
 * @param path what errors are about
 * @param onEnd called when the process is gone
 */
export function startProcess(path: string, options: Limits, onEnd: () => void = () => undefined): Questioned {
  // What ONNX Runtime prints belongs into an error, not on the console of whoever uses the library.
  const stdio: StdioOptions = ["ignore", "ignore", "pipe", "ipc"];
  const child = fork(worker, [], { serialization: "advanced", execArgv: [], stdio });
  child.on("exit", onEnd);
  const ask = asker(child, path, options);
  let peakMemory = 0;
  let last: Promise<unknown> = Promise.resolve();
  const request = async (r: Request): Promise<Answer> => {
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
  return {
    request,
    get peakMemory() {
      return peakMemory;
    },
    close,
  };
}

async function start(path: string, options: Limits, opening: Request, onEnd?: () => void): Promise<Execution> {
  const running = startProcess(path, options, onEnd);
  const { request, close } = running;
  try {
    const opened = await request(opening);
    if (opened.kind !== "opened") throw new TypeError(`unexpected reply '${opened.kind}'`);
    return {
      interface: opened.interface,
      roundings: opened.roundings,
      ...(opened.classes ? { classes: opened.classes } : {}),
      get peakMemory() {
        return running.peakMemory;
      },
      blocks: opened.blocks,
      run: opened.blocks > 1 ? together((calls) => runAll(request, calls)) : (inputs) => runOne(request, inputs),
      close,
      [Symbol.asyncDispose]: async () => close(),
    };
  } catch (cause) {
    close();
    throw cause;
  }
}

async function runOne(request: Questioned["request"], inputs: HostTensors): Promise<Prediction> {
  const ran = await request({ kind: "run", inputs });
  if (ran.kind !== "ran") throw new TypeError(`unexpected reply '${ran.kind}'`);
  return ran.prediction;
}

async function runAll(
  request: Questioned["request"],
  calls: readonly HostTensors[],
): Promise<PromiseSettledResult<Prediction>[]> {
  const ran = await request({ kind: "run-all", calls });
  if (ran.kind !== "ran-all") throw new TypeError(`unexpected reply '${ran.kind}'`);
  return ran.results.map((r) =>
    "kind" in r
      ? { status: "rejected", reason: new ConversionError(r.error, r.diagnostics) }
      : { status: "fulfilled", value: r },
  );
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
    problem("run.crash", `the process that ran it ended (${how})`, lastWords());
  return (request) =>
    new Promise((done, reject) => {
      const seconds = timeLimit * (request.kind === "run-all" ? request.calls.length : 1);
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
        () => stop(problem("run.time", `took longer than ${seconds} s`, "raise --time-limit")),
        Math.min(seconds * 1000, LONGEST_TIMER),
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
