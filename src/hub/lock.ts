import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { pause } from "./retry.ts";

const HEARTBEAT_MS = 2_000;
const POLL_MS = 100;
/** How long a lock must be seen without a heartbeat before its holder counts as gone. */
const SILENT_MS = 30_000;

/**
 * Runs `work` while no other process that uses this lock does. A lock is a file that names its holder, who touches it
 * from time to time; one whose holder has died, or is silent, is taken over. It saves work that would be done twice;
 * correctness must not rest on it, as a suspended process loses its lock and does not know.
 * @throws what `work` throws, and the signal's reason while waiting
 */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const holder = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() });
  await mkdir(dirname(path), { recursive: true });
  await acquire(path, holder, signal);
  const beat = setInterval(() => {
    const now = new Date();
    // Whoever removes a lock file that is held only makes two processes do the same work.
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await contents(path)) === holder) await rm(path, { force: true });
  }
}

async function acquire(path: string, holder: string, signal: AbortSignal | undefined): Promise<void> {
  let seen: string | undefined;
  let since = 0;
  while (!(await create(path, holder))) {
    signal?.throwIfAborted();
    const state = await observe(path);
    if (state === undefined) continue;
    if (`${state.holder} ${state.touched}` !== seen) {
      seen = `${state.holder} ${state.touched}`;
      since = performance.now();
    }
    // No clock is compared with another machine's: what counts is how long nothing changed before our eyes.
    if (hasDied(state.holder) || performance.now() - since > SILENT_MS) await breakLock(path, state.holder);
    else await pause(POLL_MS, signal);
  }
}

/** Written aside and linked, so that a lock is never seen empty; where links are not possible, written in place. */
async function create(path: string, holder: string): Promise<boolean> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await writeFile(aside, holder, { flag: "wx" });
    await link(aside, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") throw error;
      return writeFile(path, holder, { flag: "wx" });
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function observe(path: string): Promise<{ holder: string; touched: number } | undefined> {
  try {
    return { holder: await readFile(path, "utf8"), touched: (await stat(path)).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const contents = async (path: string): Promise<string | undefined> => (await observe(path))?.holder;

/** Whether the holder ran on this machine and runs no more. */
function hasDied(holder: string): boolean {
  try {
    const { host, pid } = JSON.parse(holder) as { host: string; pid: number };
    if (host !== hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Two may do so at once, and one of them take the lock in between: what is not the lock meant goes back. */
async function breakLock(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await contents(aside)) !== holder) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}
