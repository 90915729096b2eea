import { type End, Judge } from "./judge.ts";
import { type Kind, layBroken } from "./kind.ts";
import { Random } from "./random.ts";
import type { Before, Sandbox } from "./sandbox.ts";
import type { WatchedFiles } from "./watched-files.ts";

/** Which case of which kind: all that is needed to make it again. */
export interface CaseId {
  readonly kind: string;
  readonly seed: number;
  readonly case: number;
}

export interface CaseResult {
  readonly id: CaseId;
  /** What was broken. */
  readonly subject: string;
  readonly end: End;
  readonly bugs: readonly string[];
  /** Processor time of this process, in milliseconds. */
  readonly milliseconds: number;
  /** The largest resident set of this process so far, in bytes. */
  readonly peakMemory: number;
}

const befores: readonly Before[] = ["nothing", "an empty folder", "an older package"];

/** Breaks a file, does everything with it that users do, and looks at what that left behind. */
export async function runCase(id: CaseId, kind: Kind, sandbox: Sandbox, files: WatchedFiles): Promise<CaseResult> {
  const random = new Random(`${id.kind} ${id.seed} ${id.case}`);
  const before = random.pick(befores);
  const [half, rereads] = [random.chance(0.3), random.chance(0.1)];
  const [converts, executes] = [random.chance(kind.converted ?? 1), random.chance(kind.executed)];
  const subject = layBroken(kind, sandbox, before, random);
  const given = sandbox.listing(sandbox.given);
  const judge = new Judge();
  let end: End | undefined;
  const started = process.cpuUsage();
  const trespasses = await files.during({ readable: [sandbox.given], writable: [sandbox.output] }, async () => {
    end = await kind.use(subject, { sandbox, judge, before, half, converts, executes, rereads });
  });
  const { user, system } = process.cpuUsage(started);
  const milliseconds = (user + system) / 1000;
  for (const { call, path } of trespasses) judge.bug(`${call} of ${path}`);
  for (const change of sandbox.changes(given)) judge.bug(change);
  return {
    id,
    subject: subject.name,
    end: end as End,
    bugs: judge.bugs,
    milliseconds,
    peakMemory: process.resourceUsage().maxRSS * 1024,
  };
}
