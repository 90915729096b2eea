import { basename } from "node:path";
import { openSafetensors } from "../checkpoint/safetensors.ts";
import { ConversionError, type Diagnostic, fail } from "../diagnostics.ts";
import type { Plan } from "../plan.ts";
import type { HostTensor, HostTensors } from "../run/host-tensor.ts";
import { isFloat } from "../tensor/dtype.ts";
import { valuesOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import type { InputSet } from "./input-set.ts";
import { comparedPositions } from "./positions.ts";
import type { Reference } from "./reference.ts";

const MAX_INT32 = 2 ** 31;
/** `in/input_ids`, or `<set>/in/input_ids` where a file holds several calls. */
const tensorName = /^(?:(.+)\/)?(in|out)\/([^/]+)$/;

/**
 * A safetensors file of calls and what the model answered. Tensors are named `in/<input>` and `out/<output>`, or
 * `<set>/in/<input>` and `<set>/out/<output>` for several calls; inputs and outputs have the names of the package,
 * images are [1, channels, height, width] in RGB, 0 to 255, and a classifier's probabilities stand in label order. Its
 * inputs replace the suite. Floats of any width are compared as float32, integers as int32.
 * @throws ConversionError `golden.*` for other names, a call without inputs or outputs, integers beyond 32 bits;
 *   what reading a safetensors file throws
 */
export function goldenReference(path: string, plan: Plan): Reference {
  const answers = readCalls(path);
  const sets = Array.from(
    answers,
    ([name, call]): InputSet => ({ name, inputs: call.in, compare: comparedPositions(plan, call.in) }),
  );
  return {
    kind: "golden",
    name: basename(path),
    sets,
    async outputs({ name }) {
      return answers.get(name)?.out ?? fail("usage", "golden.set", `has no call '${name}'`, { path: basename(path) });
    },
  };
}

interface Call {
  readonly in: Record<string, HostTensor>;
  readonly out: Record<string, HostTensor>;
}

function readCalls(path: string): ReadonlyMap<string, { readonly in: HostTensors; readonly out: HostTensors }> {
  const file = openSafetensors(path);
  try {
    const calls = new Map<string, Call>();
    const problems: Diagnostic[] = [];
    const problem = (code: string, message: string): void => {
      problems.push({ code, severity: "error", path: basename(path), message });
    };
    for (const name of file.names()) {
      const [, set = "golden", side, key] = tensorName.exec(name) ?? [];
      if (key === undefined) {
        problem("golden.name", `tensor '${name}': expected in/<input>, out/<output>, or those behind <set>/`);
        continue;
      }
      const call = calls.get(set) ?? { in: {}, out: {} };
      calls.set(set, call);
      const tensor = hostTensorOf(file.get(name) as LazyTensor);
      if (tensor) call[side as keyof Call][key] = tensor;
      else problem("golden.range", `tensor '${name}' holds an integer beyond 32 bits`);
    }
    if (calls.size === 0) problem("golden.empty", "holds no tensors");
    for (const [name, call] of calls) {
      if (Object.keys(call.in).length === 0) problem("golden.inputs", `call '${name}' has no inputs (in/<input>)`);
      if (Object.keys(call.out).length === 0) problem("golden.outputs", `call '${name}' has no outputs (out/<output>)`);
    }
    if (problems.length > 0) throw new ConversionError("usage", problems);
    return calls;
  } finally {
    file.close();
  }
}

/** Undefined when an integer does not fit. */
function hostTensorOf(tensor: LazyTensor): HostTensor | undefined {
  const { shape, dtype } = tensor;
  const values = valuesOf(tensor);
  if (isFloat(dtype)) return { dtype: "fp32", shape, data: Float32Array.from(values) };
  if (values.some((v) => v < -MAX_INT32 || v >= MAX_INT32)) return undefined;
  return { dtype: "int32", shape, data: Int32Array.from(values) };
}
