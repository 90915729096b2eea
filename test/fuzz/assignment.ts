import type { CaseId } from "./run-case.ts";

/** Cases of several kinds in turn: the first of each, then the second of each. */
export interface Assignment {
  readonly kinds: readonly string[];
  readonly seed: number;
  /** The first number of a case. */
  readonly from: number;
  /** How many cases of each kind. */
  readonly count: number;
}

/** The case that comes after `done` others. */
export const caseAt = ({ kinds, seed, from }: Assignment, done: number): CaseId => ({
  kind: kinds[done % kinds.length] as string,
  seed,
  case: from + Math.floor(done / kinds.length),
});
