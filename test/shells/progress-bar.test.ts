import { afterEach, describe, expect, test, vi } from "vitest";
import type { Progress } from "../../src/progress.ts";
import { progressBar, progressLine } from "../../src/shells/progress-bar.ts";

const half: Progress = { phase: "write", part: "Model.mlpackage", done: 1.25e9, total: 2.5e9, unit: "bytes" };

/** What a terminal is sent. */
function terminal(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly written: string[] } {
  const written: string[] = [];
  const stream = { isTTY, columns: 100, write: (text: string) => written.push(text) };
  return { stream: stream as unknown as NodeJS.WriteStream, written };
}

afterEach(() => vi.unstubAllEnvs());

describe("the progress bar", () => {
  test("tells what is done, less of it where there is less room", () => {
    const bar = `[${"=".repeat(12)}${" ".repeat(12)}]`;
    expect(progressLine(half, 80)).toBe(`writing Model.mlpackage ${bar}  50%  1250.0 of 2500.0 MB`);
    expect(progressLine(half, 40)).toBe(`${bar}  50%`);
    expect(progressLine(half, 20)).toBe(" 50%");
    expect(progressLine(half, 4)).toBe("");
    const runs: Progress = { phase: "validate", part: "M", done: 3, total: 3, unit: "runs" };
    expect(progressLine(runs, 80)).toBe(`validating M [${"=".repeat(24)}] 100%  3 of 3 runs`);
  });

  test("is drawn now and then, and taken away", () => {
    vi.stubEnv("TERM", "xterm");
    const { stream, written } = terminal(true);
    const bar = progressBar(stream);
    bar.update(half);
    bar.update(half);
    bar.clear();
    bar.clear();
    expect(written).toEqual([`\r\u001b[K${progressLine(half, 100)}`, "\r\u001b[K"]);
  });

  test("is not drawn in a pipe, nor on a dumb terminal", () => {
    vi.stubEnv("TERM", "dumb");
    for (const isTTY of [false, true]) {
      const { stream, written } = terminal(isTTY);
      const bar = progressBar(stream);
      bar.update(half);
      bar.clear();
      expect(written).toEqual([]);
    }
  });
});
