import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../dist/shells/cli.js", import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number;
}

/** Starts the built command line as users do. */
export const startCli = (args: readonly string[], { env = {}, user }: CliOptions = {}): ChildProcess =>
  spawn(process.execPath, [cli, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });

/** Runs it to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<Finished> {
  const child = startCli(args, options);
  const texts = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => {
    texts.stdout += data;
  });
  child.stderr?.on("data", (data) => {
    texts.stderr += data;
  });
  const [status] = (await once(child, "close")) as [number | null];
  return { status, ...texts };
}
