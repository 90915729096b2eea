import type { Precision } from "../plan.ts";
import type { HostTensor } from "../run/host-tensor.ts";
import type { Positions } from "./positions.ts";

/** Below it a value has lost digits: half precision has none to spare there. */
const smallest: Readonly<Record<Precision, number>> = { float32: 1e-12, float16: 2 ** -14 };
/** The least gate, in units of the logits: what a few roundings of them cost. */
const leastGate: Readonly<Record<Precision, number>> = { float32: 1e-3, float16: 2e-2 };
/** Twice the share of the deviation that logits themselves get: their large values, left out here, are rounded too. */
const HALF_SHARE = 6e-2;

/**
 * Holds probabilities against the gate of their logits. Among thousands of classes all may lie below any absolute gate;
 * their logarithms are the logits but for one number per row, which is taken out.
 * @returns what is wrong; undefined when nothing is, or when the shapes differ and somebody else says so
 */
export function logitsFailure(
  actual: HostTensor,
  expected: HostTensor,
  precision: Precision,
  positions?: Positions,
): string | undefined {
  const width = expected.shape.at(-1) ?? 1;
  if (width < 2 || String(actual.shape) !== String(expected.shape)) return undefined;
  const kept = positions && new Set(positions.kept);
  const isLast = positions?.axis === expected.shape.length - 1;
  const inner = expected.shape.slice((positions?.axis ?? 0) + 1, -1).reduce((n, d) => n * d, 1);
  const isRowKept = (row: number): boolean =>
    !positions || isLast || (kept?.has(Math.floor(row / inner) % (expected.shape[positions.axis] ?? 1)) ?? true);
  const floor = smallest[precision];
  let [worst, squares, count] = [0, 0, 0];
  for (let start = 0; start < expected.data.length; start += width) {
    if (!isRowKept(start / width)) continue;
    const [a, e]: [number[], number[]] = [[], []];
    for (let i = 0; i < width; i++) {
      const wanted = expected.data[start + i] as number;
      if (!(wanted >= floor) || (isLast && !kept?.has(i))) continue;
      e.push(Math.log(wanted));
      a.push(Math.log(Math.max(actual.data[start + i] as number, floor / 2)));
    }
    const [own, wanted] = [withoutMean(a), withoutMean(e)];
    wanted.forEach((x, i) => {
      worst = Math.max(worst, Math.abs((own[i] as number) - x));
      squares += x ** 2;
      count++;
    });
  }
  const deviation = count > 0 ? Math.sqrt(squares / count) : 0;
  const gate = Math.max(leastGate[precision], precision === "float16" ? HALF_SHARE * deviation : 0);
  return worst > gate ? `logarithms of the probabilities are off by ${short(worst)}, above ${short(gate)}` : undefined;
}

function withoutMean(values: readonly number[]): number[] {
  const mean = values.reduce((sum, x) => sum + x, 0) / Math.max(1, values.length);
  return values.map((x) => x - mean);
}

const short = (x: number): number => Number(x.toPrecision(3));
