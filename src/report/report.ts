import { basename, dirname, isAbsolute, resolve, sep } from "node:path";
import type { PackageSize } from "../coreml/package-size.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { Plan } from "../plan.ts";
import type { CastStatistics } from "../tensor/cast-statistics.ts";
import type { HalfRangeRow } from "../validate/half-range.ts";
import type { PackageValidation, ValidationMeasurements } from "../validate/package-validation.ts";
import { overallVerdict, type Verdict } from "../validate/verdict.ts";

/** Raised when a field changes its meaning or goes away; `report.schema.json` describes this one. */
export const SCHEMA_VERSION = 1;

/**
 * What was made of a model and what it was found to compute. The one source of every comment, summary and file; plain
 * JSON without local paths. All of it but `measured` is the same each time the same conversion is made.
 */
export interface Report {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly tool: Plan["tool"];
  readonly model: Plan["model"];
  /** Of all packages: the worst. */
  readonly verdict: Verdict;
  readonly packages: readonly PackageReport[];
  readonly diagnostics: readonly Diagnostic[];
  readonly measured: Measurements;
}

export interface PackageReport extends PackageSize {
  /** The last segment of its path. */
  readonly name: string;
  /** Enough to make the package again. */
  readonly plan: Plan;
  readonly validation: Omit<PackageValidation, "measured">;
  /** Weights that lost more than digits when they were cast. */
  readonly casts: readonly CastRow[];
  /** Values that come near the end of half precision, or pass it. */
  readonly halfRange: readonly HalfRangeRow[];
}

/** Counts of the values of one tensor; at least one of them is not zero. */
export interface CastRow {
  readonly tensor: string;
  readonly elements: number;
  readonly overflowed: number;
  readonly flushed: number;
  readonly nan: number;
  readonly infinite: number;
}

/** What differs from machine to machine and from run to run. */
export interface Measurements {
  readonly environment: Environment;
  /** Seconds by step. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly packages: readonly (ValidationMeasurements & { readonly name: string })[];
}

export interface Environment {
  readonly platform: string;
  readonly arch: string;
  readonly node: string;
  /** Null where it did not run. */
  readonly onnxruntime: string | null;
}

/** One package as the pipeline knows it. */
export interface ReportedPackage {
  readonly path: string;
  readonly plan: Plan;
  readonly size: PackageSize;
  readonly validation: PackageValidation;
  /** By tensor, as counted while casting. */
  readonly casts?: ReadonlyMap<string, CastStatistics>;
  readonly halfRange?: readonly HalfRangeRow[];
}

export interface ReportContext {
  readonly diagnostics: readonly Diagnostic[];
  readonly environment: Environment;
  readonly seconds?: Readonly<Record<string, number>>;
}

/** @throws RangeError without a package */
export function makeReport(packages: readonly ReportedPackage[], context: ReportContext): Report {
  const [first] = packages;
  if (!first) throw new RangeError("a report is about at least one package");
  const hide = pathHider(packages.map((p) => dirname(resolve(p.path))));
  const reports = packages.map((p) => packageReport(p, hide));
  const { tool, model } = first.plan;
  const { environment, seconds = {} } = context;
  return {
    schemaVersion: SCHEMA_VERSION,
    tool,
    model,
    verdict: overallVerdict(reports.map((r) => r.validation.verdict)),
    packages: reports,
    diagnostics: context.diagnostics.map(hide.inDiagnostic),
    measured: {
      environment,
      seconds,
      packages: packages.map(({ path, validation }) => ({ name: basename(path), ...validation.measured })),
    },
  };
}

function packageReport(reported: ReportedPackage, hide: PathHider): PackageReport {
  const { path, plan, size, casts, halfRange = [] } = reported;
  const { measured: _, ...found } = reported.validation;
  const verdict =
    "reason" in found.verdict ? { ...found.verdict, reason: hide.inText(found.verdict.reason) } : found.verdict;
  const validation = { ...found, verdict, diagnostics: found.diagnostics.map(hide.inDiagnostic) };
  return { name: basename(path), ...size, plan, validation, casts: castRows(casts ?? new Map()), halfRange };
}

function castRows(casts: ReadonlyMap<string, CastStatistics>): CastRow[] {
  return [...casts].flatMap(([tensor, { elements, overflowed, flushed, nan, infinite }]) =>
    overflowed + flushed + nan + infinite > 0 ? [{ tensor, elements, overflowed, flushed, nan, infinite }] : [],
  );
}

/** Local folders say nothing to a reader elsewhere and something about the machine: only last segments stay. */
interface PathHider {
  inText(text: string): string;
  inDiagnostic(diagnostic: Diagnostic): Diagnostic;
}

function pathHider(folders: readonly string[]): PathHider {
  const inText = (text: string): string => folders.reduce((t, folder) => t.replaceAll(`${folder}${sep}`, ""), text);
  const inPath = (path: string): string => (isAbsolute(path) ? basename(path) : path);
  return {
    inText,
    inDiagnostic: ({ path, message, hint, ...rest }) => ({
      ...rest,
      ...(path === undefined ? {} : { path: inPath(path) }),
      message: inText(message),
      ...(hint === undefined ? {} : { hint: inText(hint) }),
    }),
  };
}
