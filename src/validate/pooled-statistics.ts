import type { HostTensors } from "../run/host-tensor.ts";
import type { ReferenceStatistics } from "./tolerance.ts";

/** Values of an output in one call up to which they say little about its scale: three logits may happen to be alike. */
const FEW = 64;

/** Statistics of an output over all calls, by name, where one call has few values. */
export type PooledStatistics = ReadonlyMap<string, ReferenceStatistics>;

export function pooledStatistics(answers: readonly HostTensors[]): PooledStatistics {
  const names = new Set(answers.flatMap((a) => Object.keys(a)));
  const pooled = new Map<string, ReferenceStatistics>();
  for (const name of names) {
    const tensors = answers.flatMap((a) => a[name] ?? []);
    if (tensors.some((t) => t.data.length > FEW)) continue;
    const values = tensors.flatMap((t) => Array.from(t.data)).filter(Number.isFinite);
    const mean = values.reduce((sum, x) => sum + x, 0) / Math.max(1, values.length);
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, values.length);
    const max = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    pooled.set(name, { standardDeviation: Math.sqrt(variance), max, count: values.length });
  }
  return pooled;
}

/** The scale of an output: that of one call, or of all calls where one says too little. */
export const withPooled = (own: ReferenceStatistics, pooled: ReferenceStatistics | undefined): ReferenceStatistics =>
  pooled && own.count <= FEW
    ? {
        standardDeviation: Math.max(own.standardDeviation, pooled.standardDeviation),
        max: Math.max(own.max, pooled.max),
        count: Math.max(own.count, pooled.count),
      }
    : own;
