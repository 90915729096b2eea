import type { Progress } from "../progress.ts";

const CLEAR_LINE = "\r\u001b[K";
/** Milliseconds between two drawings. */
const INTERVAL = 100;
const BAR_WIDTH = 24;
/** Columns of a terminal that does not say how many it has. */
const DEFAULT_COLUMNS = 80;

export interface ProgressBar {
  update(progress: Progress): void;
  /** Takes the bar off the screen. */
  clear(): void;
}

/** A bar on one line of a terminal. Does nothing where a line cannot be drawn again: a pipe, a file, `TERM=dumb`. */
export function progressBar(stream: NodeJS.WriteStream): ProgressBar {
  if (!stream.isTTY || process.env.TERM === "dumb") return { update: () => undefined, clear: () => undefined };
  let last = Number.NEGATIVE_INFINITY;
  return {
    update(progress) {
      const now = performance.now();
      if (now - last < INTERVAL) return;
      last = now;
      stream.write(CLEAR_LINE + progressLine(progress, stream.columns || DEFAULT_COLUMNS));
    },
    clear() {
      if (last !== Number.NEGATIVE_INFINITY) stream.write(CLEAR_LINE);
      last = Number.NEGATIVE_INFINITY;
    },
  };
}

const doings: Readonly<Record<Progress["phase"], string>> = {
  download: "downloading",
  write: "writing",
  validate: "validating",
  compare: "comparing",
};

/** `writing Model.mlpackage [======>       ]  42%  1.2 of 2.9 GB`, less of it where the terminal is narrow. */
export function progressLine({ phase, part, done, total, unit }: Progress, columns: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const percent = `${String(Math.floor(100 * share)).padStart(3)}%`;
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `[${"=".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}]`;
  const amount = unit === "bytes" ? `${megabytes(done)} of ${megabytes(total)} MB` : `${done} of ${total} runs`;
  const doing = `${doings[phase]} ${part}`;
  const forms = [`${doing} ${bar} ${percent}  ${amount}`, `${bar} ${percent}`, percent];
  // The last column stays free: some terminals break the line when it is written.
  return forms.find((line) => line.length < columns) ?? "";
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
