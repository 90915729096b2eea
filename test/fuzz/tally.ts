import type { CaseResult } from "./run-case.ts";

/** What all cases of one kind came to. */
export class Tally {
  readonly kind: string;
  cases = 0;
  successes = new Map<string, number>();
  /** By kind of error and code. */
  refusals = new Map<string, number>();
  bugs: { readonly case: number; readonly subject: string; readonly bugs: readonly string[] }[] = [];
  slowest = { case: 0, milliseconds: 0 };
  peakMemory = 0;

  constructor(kind: string) {
    this.kind = kind;
  }

  add({ id: { case: index }, subject, end, bugs, milliseconds, peakMemory }: CaseResult): void {
    this.cases++;
    if (end.kind === "success") count(this.successes, end.code);
    else if (end.kind !== "bug") count(this.refusals, `${end.kind} ${end.code}`);
    if (bugs.length > 0) this.bugs.push({ case: index, subject, bugs });
    if (milliseconds > this.slowest.milliseconds) this.slowest = { case: index, milliseconds };
    this.peakMemory = Math.max(this.peakMemory, peakMemory);
  }

  /** A line of figures, then how often each end came about, the most frequent first. */
  text(): string {
    const { slowest } = this;
    const figures = [
      this.kind.padEnd(17),
      String(this.cases).padStart(7),
      String(total(this.successes)).padStart(9),
      String(total(this.refusals)).padStart(9),
      String(this.bugs.length).padStart(6),
      `${slowest.milliseconds.toFixed(0)} ms (case ${slowest.case})`.padStart(24),
      `${(this.peakMemory / 2 ** 20).toFixed(0)} MB`.padStart(9),
    ];
    const ends = [...this.successes, ...this.refusals].sort(([, a], [, b]) => b - a);
    return [figures.join(" "), ...ends.map(([end, n]) => `    ${String(n).padStart(6)}  ${end}`)].join("\n");
  }
}

export const tallyHeader = "kind                cases  accepted   refused   bugs                  slowest      peak";

const count = (of: Map<string, number>, key: string): void => {
  of.set(key, (of.get(key) ?? 0) + 1);
};
const total = (of: ReadonlyMap<string, number>): number => [...of.values()].reduce((a, b) => a + b, 0);
