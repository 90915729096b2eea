import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSafetensors } from "../../src/checkpoint/safetensors.ts";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { valuesOf } from "../../src/tensor/memory.ts";

/** One package that coremltools wrote, and what torch computes for the same function. */
export interface CorpusCase {
  readonly op: string;
  readonly case: string;
  readonly package: string;
  readonly opset: string;
  readonly precision: "fp32" | "fp16";
  readonly ops: readonly string[];
  readonly calls?: number;
  readonly label?: string | number;
  readonly functions?: readonly string[];
}

export interface Call {
  readonly inputs: Record<string, HostTensor>;
  readonly outputs: Record<string, HostTensor>;
}

export const corpus = fileURLToPath(new URL("../corpus/", import.meta.url));
export const cases: readonly CorpusCase[] = JSON.parse(readFileSync(join(corpus, "index.json"), "utf8"));

/** Inputs and expected outputs, one entry per call: `in/<name>`, or `call0/in/<name>` where there are several. */
export function callsOf(c: CorpusCase): readonly Call[] {
  const file = openSafetensors(join(corpus, c.package.replace(/\.mlpackage$/, ".safetensors")));
  try {
    const calls: Call[] = Array.from({ length: c.calls ?? 1 }, () => ({ inputs: {}, outputs: {} }));
    for (const key of file.names()) {
      const [, call, side, name] = /^(?:call(\d+)\/)?(in|out)\/(.+)$/.exec(key) as unknown as [
        string,
        string | undefined,
        string,
        string,
      ];
      const tensor = file.get(key);
      if (!tensor) continue;
      const values = Float64Array.from(valuesOf(tensor), Number);
      const entry = calls[Number(call ?? 0)] as Call;
      entry[side === "in" ? "inputs" : "outputs"][name] = hostTensor(
        tensor.dtype === "int32" ? "int32" : "fp32",
        tensor.shape,
        values,
      );
    }
    return calls;
  } finally {
    file.close();
  }
}

/** How far an output may be off: nothing for integers; see design, validation, for floats. */
function gateOf(expected: HostTensor, largest: number, precision: CorpusCase["precision"]): number {
  if (expected.dtype === "int32") return 0;
  if (precision === "fp32") return 1e-4 * Math.max(1, largest);
  const { data } = expected;
  const count = Math.max(1, data.length);
  const mean = data.reduce((a, b) => a + b, 0) / count;
  const deviation = Math.sqrt(data.reduce((a, x) => a + (x - mean) ** 2, 0) / count);
  // Half precision: 3e-2 of the spread, and never less than three units in the last place of the largest value.
  const spread = Number.isFinite(deviation) ? deviation : 0;
  return Math.max(3e-2 * spread, 3 * 2 ** -10 * largest) + 1e-6;
}

/** The largest difference, what is allowed, and the largest magnitude of the expected values that are finite. */
export function compared(
  actual: HostTensor,
  expected: HostTensor,
  precision: CorpusCase["precision"],
): { readonly error: number; readonly allowed: number; readonly largest: number } {
  const reference = Array.from(expected.data);
  const largest = reference.filter(Number.isFinite).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const differences = reference.map((x, i) => {
    const y = actual.data[i] as number;
    return Object.is(x, y) || x === y || (Number.isNaN(x) && Number.isNaN(y)) ? 0 : Math.abs(x - y);
  });
  const worst = differences.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), 0);
  const error = Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst;
  return { error, allowed: gateOf(expected, largest, precision), largest };
}
