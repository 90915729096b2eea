import { verdictText } from "../validate/verdict.ts";
import { markupText } from "./markup.ts";
import type { PackageReport, Report } from "./report.ts";

/**
 * The report as JUnit XML (https://github.com/testmoapp/junitxml): a suite per package, a case per input set and output.
 * A package that was not run is one skipped case, never an empty suite that looks green.
 */
export function junitReport(report: Report): string {
  const suites = report.packages.map(suite);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="coreml-export">\n${suites.join("\n")}\n</testsuites>\n`;
}

interface Case {
  readonly name: string;
  readonly result: string;
}

function suite(p: PackageReport): string {
  const cases = casesOf(p);
  const count = (kind: string): number => cases.filter((c) => c.result.startsWith(`<${kind}`)).length;
  const attributes = `name="${markupText(p.name)}" tests="${cases.length}" failures="${count("failure")}" skipped="${count("skipped")}"`;
  const lines = cases.map(
    ({ name, result }) =>
      `    <testcase classname="${markupText(p.name)}" name="${markupText(name)}">${result}</testcase>`,
  );
  return [`  <testsuite ${attributes}>`, ...lines, "  </testsuite>"].join("\n");
}

function casesOf({ validation: { verdict, sets } }: PackageReport): Case[] {
  const verdictResult = { passed: "", failed: failure(verdictText(verdict)), "not-run": skipped(verdictText(verdict)) };
  return [
    { name: "verdict", result: verdictResult[verdict.status] },
    ...(verdict.status === "passed" ? (verdict.notCompared ?? []) : []).map((output) => ({
      name: output,
      result: skipped("the reference has no such output"),
    })),
    ...sets.flatMap((s) => [
      ...s.comparisons.map((c) => ({
        name: `${s.name}: ${c.output}`,
        result: c.passed ? "" : failure(c.failures.join("; ")),
      })),
      ...s.missing.map((output) => ({
        name: `${s.name}: ${output}`,
        result: failure("the package has no such output"),
      })),
      ...s.extra.map((output) => ({
        name: `${s.name}: ${output}`,
        result: failure("the reference has no such output"),
      })),
      ...(s.label
        ? [
            {
              name: `${s.name}: label`,
              result: s.label.passed ? "" : failure(`${s.label.actual}, expected ${s.label.expected}`),
            },
          ]
        : []),
    ]),
  ];
}

const failure = (message: string): string => `<failure message="${markupText(message)}"/>`;
const skipped = (message: string): string => `<skipped message="${markupText(message)}"/>`;
