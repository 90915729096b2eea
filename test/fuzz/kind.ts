import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { End, Judge } from "./judge.ts";
import type { Random } from "./random.ts";
import { replaceFile } from "./replace-file.ts";
import type { Before, Sandbox } from "./sandbox.ts";
import type { Subject } from "./subject.ts";

/** What a use of a broken subject is given. */
export interface Use {
  readonly sandbox: Sandbox;
  readonly judge: Judge;
  readonly before: Before;
  readonly half: boolean;
  /** Whether what comes out is also run, which takes processes of their own. */
  readonly executes: boolean;
  readonly converts: boolean;
  /** Whether what comes out is looked at closely. */
  readonly rereads: boolean;
}

export type Mutate = (bytes: Buffer, random: Random) => Buffer;

/** A file that somebody else made, how it is broken, and what is then done with it. */
export interface Kind {
  readonly file: string;
  readonly subject: (random: Random) => Subject;
  readonly mutate: Mutate;
  /** The share of cases that are converted; the others are opened, planned and tokenised. */
  readonly converted?: number;
  /** The share of cases that also run the model, in processes of their own. */
  readonly executed: number;
  readonly use: (subject: Subject, use: Use) => Promise<End>;
}

/** How often something else stands where the file should. */
const REPLACED = 0.03;

/** Lays out a broken subject of a kind. */
export function layBroken(
  { file, subject: choose, mutate }: Kind,
  sandbox: Sandbox,
  before: Before,
  random: Random,
): Subject {
  const subject = choose(random);
  const sound = subject.files.get(file) as Buffer;
  sandbox.lay(subject, before);
  const path = join(sandbox.given, file);
  mkdirSync(dirname(path), { recursive: true });
  if (random.chance(REPLACED)) replaceFile(sandbox, file, sound, random);
  else writeFileSync(path, mutate(sound, random));
  return subject;
}
