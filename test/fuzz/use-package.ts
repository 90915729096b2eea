import { readPackage } from "../../src/coreml/read-package.ts";
import { encodeModel } from "../../src/coreml/write-package.ts";
import { inspect, programText } from "../../src/inspect.ts";
import type { Feature, Interface } from "../../src/mil/interface.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { predict } from "../../src/predict.ts";
import { type HostTensor, hostTensor } from "../../src/run/host-tensor.ts";
import { lower } from "../../src/run/lower.ts";
import { elementCount } from "../../src/tensor/dtype.ts";
import type { End } from "./judge.ts";
import type { Use } from "./kind.ts";

/** Seconds a call may take: a loop without end is stopped then. */
const TIME_LIMIT = 5;
/** Values of all inputs together; a call with more is not made. */
const MAX_ELEMENTS = 1e6;

/** Everything a user does with a package: look at it, read its program, have it executed. */
export async function usePackage({ sandbox, judge, executes }: Use): Promise<End> {
  const path = sandbox.given;
  const looked = await judge.endOf("inspect", async () => JSON.stringify(await inspect(path)).length);
  const text = await judge.endOf("programText", () => programText(path).length);
  if ((looked.kind === "success") !== (text.kind === "success"))
    judge.bug(`inspect ends in ${looked.code}, programText in ${text.code}`);
  if (looked.kind !== "success") return looked;
  const lowered = await judge.endOf("lower", () => lowerAll(path));
  if (lowered.kind !== "success" || !executes) return lowered;
  return judge.endOf("predict", async () => {
    const { outputs } = await predict(path, inputsOf(path), { timeLimit: TIME_LIMIT });
    return Object.keys(outputs).length > 0 ? "predicted" : "predicted nothing";
  });
}

function lowerAll(path: string): string {
  using model = readPackage(path, ops);
  encodeModel(model, ops);
  for (const [name, f] of model.program.functions) {
    lower(f, model.interfaces.get(name) as Interface, ops, { mode: "rounded" });
  }
  return "lowered";
}

/** Small numbers in the default shapes. */
function inputsOf(path: string): Record<string, HostTensor> {
  using model = readPackage(path, ops);
  const { inputs = [] } = model.interfaces.get(model.defaultFunction) ?? {};
  const given = inputs.flatMap((f) => {
    const shape = shapeOf(f);
    return shape && elementCount(shape) >= 0 && elementCount(shape) <= MAX_ELEMENTS ? [[f, shape] as const] : [];
  });
  if (given.reduce((n, [, shape]) => n + elementCount(shape), 0) > MAX_ELEMENTS) return {};
  return Object.fromEntries(
    given.map(([f, shape]) => {
      const isInteger = f.kind === "image" || (f.kind === "tensor" && /^u?int/.test(f.dtype));
      return [
        f.name,
        hostTensor(
          isInteger ? "int32" : "fp32",
          shape,
          Array.from({ length: elementCount(shape) }, (_, i) => i % 2),
        ),
      ];
    }),
  );
}

function shapeOf(f: Feature): readonly number[] | undefined {
  if (f.kind === "tensor") return f.shape;
  return f.kind === "image" ? [1, f.colorSpace.startsWith("GRAY") ? 1 : 3, f.height, f.width] : undefined;
}
