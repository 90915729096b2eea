import type { HostTensor, HostTensors } from "../run/host-tensor.ts";
import { elementCount } from "../tensor/dtype.ts";
import { compareArgMax } from "./arg-max.ts";
import type { Comparison, Divergence } from "./comparison.ts";
import { ErrorSums, indexOf } from "./error-sums.ts";
import type { Positions } from "./positions.ts";
import type { ReferenceStatistics, Tolerance } from "./tolerance.ts";

export interface CompareOptions {
  /** What counts; everything where it is left out. */
  readonly positions?: Positions | undefined;
  tolerance(reference: ReferenceStatistics): Tolerance;
}

/**
 * Compares an output with its reference. NaN or infinity anywhere fails, whatever the tolerance; so do another shape, a
 * value outside the gate and another arg-max outside a tie.
 */
export function compare(
  output: string,
  actual: HostTensor,
  expected: HostTensor,
  { positions, tolerance }: CompareOptions,
): Comparison {
  const shape = { actual: actual.shape, expected: expected.shape };
  const nan = count(actual.data, Number.isNaN);
  const infinite = count(actual.data, isInfinite);
  const failures = finiteness(nan, infinite);
  if (String(actual.shape) !== String(expected.shape)) {
    failures.push(`shape [${actual.shape}] is not [${expected.shape}]`);
    return {
      output,
      passed: false,
      failures,
      shape,
      error: null,
      nan,
      infinite,
      tolerance: null,
      argMax: null,
      firstDivergence: null,
    };
  }
  const kept = keptIndices(expected.shape, positions);
  const { atol, rule, tieMargin } = tolerance(statisticsOf(expected.data, kept));
  const sums = new ErrorSums();
  let first: number | undefined;
  let unusable = 0;
  for (const i of kept) {
    const [a, e] = [actual.data[i] as number, expected.data[i] as number];
    if (!Number.isFinite(e)) unusable++;
    if (Number.isFinite(a) && Number.isFinite(e)) sums.add(i, a, e);
    if (first === undefined && !(Math.abs(a - e) <= atol)) first = i;
  }
  const error = sums.figures(expected.shape);
  if (unusable > 0) failures.push(`the reference has ${unusable} values that are not finite`);
  if (error && error.maxAbsolute > atol)
    failures.push(`max |difference| ${short(error.maxAbsolute)} is above ${short(atol)}`);
  if (!error) failures.push("nothing to compare");
  const argMax = tieMargin ? compareArgMax(actual, expected, positions, tieMargin) : null;
  const wrong = argMax ? argMax.rows - argMax.agreeing - argMax.ties : 0;
  if (argMax && wrong > 0) failures.push(`arg-max differs in ${wrong} of ${argMax.rows} rows`);
  const firstDivergence = first === undefined ? null : divergence(first, actual, expected);
  return {
    output,
    passed: failures.length === 0,
    failures,
    shape,
    error,
    nan,
    infinite,
    tolerance: { atol, rule },
    argMax,
    firstDivergence,
  };
}

/** Names on one side only: neither may happen. */
export function unmatchedOutputs(
  actual: HostTensors,
  expected: HostTensors,
): { readonly missing: readonly string[]; readonly extra: readonly string[] } {
  return {
    missing: Object.keys(expected).filter((name) => !Object.hasOwn(actual, name)),
    extra: Object.keys(actual).filter((name) => !Object.hasOwn(expected, name)),
  };
}

const short = (x: number): number => Number(x.toPrecision(3));
const isInfinite = (x: number): boolean => x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY;

function count(values: HostTensor["data"], test: (x: number) => boolean): number {
  let n = 0;
  for (const v of values) if (test(v)) n++;
  return n;
}

function finiteness(nan: number, infinite: number): string[] {
  const failures: string[] = [];
  if (nan > 0) failures.push(`${nan} values are NaN`);
  if (infinite > 0) failures.push(`${infinite} values are infinite`);
  return failures;
}

/** Row-major indices of what is compared, ascending. */
function keptIndices(shape: readonly number[], positions: Positions | undefined): Uint32Array {
  const total = elementCount(shape);
  if (!positions) return new Uint32Array(total).map((_, i) => i);
  const inner = elementCount(shape.slice(positions.axis + 1));
  const block = inner * (shape[positions.axis] ?? 1);
  const kept = new Uint32Array((total / Math.max(1, block)) * positions.kept.length * inner);
  let at = 0;
  for (let outer = 0; outer < total; outer += block) {
    for (const position of positions.kept) for (let i = 0; i < inner; i++) kept[at++] = outer + position * inner + i;
  }
  return kept;
}

function statisticsOf(values: HostTensor["data"], kept: Uint32Array): ReferenceStatistics {
  let [n, sum, max] = [0, 0, 0];
  for (const i of kept) {
    const v = values[i] as number;
    if (!Number.isFinite(v)) continue;
    n++;
    sum += v;
    max = Math.max(max, Math.abs(v));
  }
  const mean = n > 0 ? sum / n : 0;
  let squares = 0;
  for (const i of kept) {
    const v = values[i] as number;
    if (Number.isFinite(v)) squares += (v - mean) ** 2;
  }
  return { standardDeviation: n > 0 ? Math.sqrt(squares / n) : 0, max, count: n };
}

function divergence(at: number, actual: HostTensor, expected: HostTensor): Divergence {
  const finite = (x: number | undefined): number | null => (x !== undefined && Number.isFinite(x) ? x : null);
  return { index: indexOf(at, expected.shape), actual: finite(actual.data[at]), expected: finite(expected.data[at]) };
}
