import { runInNewContext } from "node:vm";

/**
 * What `body` returns, unless it takes longer: then it is stopped, be it in the middle of a regular expression.
 * @param milliseconds on the clock
 * @throws Error (`ERR_SCRIPT_EXECUTION_TIMEOUT`), and what `body` throws
 */
export function withinTime<T>(milliseconds: number, body: () => T): T {
  const returned: T[] = [];
  runInNewContext("run()", { run: () => returned.push(body()) }, { timeout: milliseconds });
  return returned[0] as T;
}
