import { allNodes, type Func, Value } from "../../mil/program.ts";
import { valuesOf } from "../../tensor/memory.ts";

const norms: ReadonlySet<string> = new Set(["layer_norm", "batch_norm", "instance_norm"]);
/** The smallest normal half. Converters raise what is smaller, and nothing computed in half precision shows it. */
const FLOOR = 2 ** -14;
/** What an epsilon loses when it is stored as a half. */
const ROUNDING = 2e-2;

/**
 * Compares the epsilons of norms with those of the model's graph: a wrong one moves outputs by less than half precision
 * does, and would pass there.
 * @returns what is wrong, undefined when nothing is or when the two have no norm in common
 */
export function judgeEpsilons(func: Func, reference: Func): string | undefined {
  const known = epsilonsOf(reference);
  for (const [op, found] of epsilonsOf(func)) {
    const wanted = [...(known.get(op) ?? [])];
    if (wanted.length === 0) continue;
    const isKnown = (e: number): boolean =>
      wanted.some((w) => Math.abs(Math.max(e, FLOOR) - Math.max(w, FLOOR)) <= ROUNDING * Math.max(w, FLOOR));
    const wrong = [...found].find((e) => !isKnown(e));
    if (wrong !== undefined)
      return `a ${op} has the epsilon ${short(wrong)}, the model ${wanted.map(short).join(", ")}`;
  }
  return undefined;
}

const short = (x: number): number => Number(x.toPrecision(3));

/** Distinct epsilons by operation. */
function epsilonsOf({ body }: Func): ReadonlyMap<string, ReadonlySet<number>> {
  const found = new Map<string, Set<number>>();
  for (const { op, inputs } of allNodes(body)) {
    const value = inputs.get("epsilon");
    if (!norms.has(op) || !(value instanceof Value) || value.constant?.kind !== "tensor") continue;
    const epsilon = Number(valuesOf(value.constant.data)[0]);
    found.set(op, (found.get(op) ?? new Set()).add(epsilon));
  }
  return found;
}
