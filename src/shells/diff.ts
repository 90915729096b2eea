import { extname } from "node:path";
import { fail } from "../diagnostics.ts";
import type { PackageDifference } from "../diff/difference.ts";
import { differenceMarkdown } from "../diff/markdown.ts";
import { differenceText } from "../diff/text.ts";
import { diff } from "../diff.ts";
import type { OptionsOf, ValuesOf } from "../options.ts";
import { placeText } from "../report/write.ts";
import type { Run } from "./command.ts";
import { exitStatus } from "./exit-status.ts";
import { progressBar } from "./progress-bar.ts";

type Renderer = (difference: PackageDifference, limit: number | undefined) => string;

const json: Renderer = (difference) => `${JSON.stringify(difference, null, 2)}\n`;
const fileRenderers: Readonly<Record<string, Renderer>> = {
  ".json": json,
  // A file has no limit; a comment has.
  ".md": (difference, limit) => differenceMarkdown(difference, limit, Number.POSITIVE_INFINITY),
};

/** `coreml-export diff <a> <b>` */
export const run: Run = async ({ operands, values, signal }) => {
  const settings: ValuesOf<OptionsOf<"diff">, "shell"> = values;
  const { limit, report, exitCode } = settings;
  const [a, b] = operands as [string, string];
  if (settings.json && settings.markdown)
    fail("usage", "cli.conflict", "one format goes to stdout", { path: "--json, --markdown" });
  const renderFile = report === undefined ? undefined : fileRenderer(report);
  const render: Renderer = settings.json ? json : settings.markdown ? differenceMarkdown : differenceText;
  const bar = progressBar(process.stderr);
  let difference: PackageDifference;
  try {
    difference = await diff(a, b, { signal, onProgress: bar.update });
  } finally {
    bar.clear();
  }
  if (report !== undefined && renderFile) placeText(renderFile(difference, limit), report);
  process.stdout.write(render(difference, limit));
  return exitCode && difference.verdict.status === "different" ? exitStatus.validation : exitStatus.passed;
};

/** So that a wrong name is refused before the work. */
function fileRenderer(path: string): Renderer {
  const extension = extname(path).toLowerCase();
  const known = Object.keys(fileRenderers).join(", ");
  return (
    (Object.hasOwn(fileRenderers, extension) ? fileRenderers[extension] : undefined) ??
    fail("usage", "report.format", `'${extension}' is no format of a difference, expected one of ${known}`, { path })
  );
}
