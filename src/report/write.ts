import { renameSync, rmSync, writeFileSync } from "node:fs";
import { extname } from "node:path";
import { fail } from "../diagnostics.ts";
import { htmlReport } from "./html.ts";
import { junitReport } from "./junit.ts";
import { markdownReport } from "./markdown.ts";
import type { Report } from "./report.ts";

type Renderer = (report: Report) => string;

const renderers: Readonly<Record<string, Renderer>> = {
  ".json": (report) => `${JSON.stringify(report, null, 2)}\n`,
  // A file has no limit; a comment has.
  ".md": (report) => `${markdownReport(report, Number.POSITIVE_INFINITY)}\n`,
  ".html": htmlReport,
  ".xml": junitReport,
};

/** What a file of that name will hold, so that a wrong one is refused before the work. @throws ConversionError `report.format` */
export function reportRenderer(path: string): Renderer {
  const extension = extname(path).toLowerCase();
  const known = Object.keys(renderers).join(", ");
  return (
    (Object.hasOwn(renderers, extension) ? renderers[extension] : undefined) ??
    fail("usage", "report.format", `'${extension}' is no format of a report, expected one of ${known}`, { path })
  );
}

/**
 * Writes a report in the format its name asks for: JSON, Markdown, HTML or JUnit XML. The file appears when it is whole.
 * @throws ConversionError `report.format`, `report.write`
 */
export function writeReport(report: Report, path: string): void {
  placeText(reportRenderer(path)(report), path);
}

/** A file that appears when it is whole. @throws ConversionError `report.write` */
export function placeText(text: string, path: string): void {
  const partial = `${path}.${process.pid}.partial`;
  try {
    writeFileSync(partial, text);
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    fail("output", "report.write", `cannot write the report: ${(cause as Error).message}`, { path });
  }
}
