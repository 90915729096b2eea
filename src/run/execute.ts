import { type ChildProcess, fork } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConversionError, fail } from "../diagnostics.ts";
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
  const child = fork(worker, [], { serialization: "advanced", execArgv: [] });
  const ask = asker(child, path, options);
  let peakMemory = 0;
  const request = async (r: Request): Promise<Exclude<Reply, { kind: "failed" }>> => {
    const reply = await ask(r);
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
  return (request) =>
    new Promise((done, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("exit", onExit);
        child.off("error", reject);
        signal?.removeEventListener("abort", onAbort);
        finish();
      };
      const stop = (why: () => never): void =>
        settle(() => {
          child.kill("SIGKILL");
          try {
            why();
          } catch (cause) {
            reject(cause);
          }
        });
      const onMessage = (reply: Reply): void => settle(() => done(reply));
      const onExit = (code: number | null, killed: string | null): void =>
        stop(() =>
          fail("validation", "run.crash", `the process that ran the package ended (${killed ?? `status ${code}`})`, {
            path,
          }),
        );
      const onAbort = (): void =>
        settle(() => {
          child.kill("SIGKILL");
          reject(signal?.reason);
        });
      const timer = setTimeout(
        () =>
          stop(() =>
            fail("validation", "run.time", `took longer than ${timeLimit} s`, { path, hint: "raise --time-limit" }),
          ),
        timeLimit * 1000,
      );
      child.on("message", onMessage).on("exit", onExit).on("error", reject);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort);
      child.send(request);
      return undefined;
    });
}
