import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import type { HostTensor } from "../../src/run/host-tensor.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { readTensors } from "../../src/tensor-file.ts";
import { type CorpusCase, callsOf, cases, compared, corpus } from "../ops/corpus.ts";
import { type Finished, runCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("predict");
const [inputs, output] = [join(scratch, "in.safetensors"), join(scratch, "out.safetensors")];

const caseOf = (path: string): CorpusCase => cases.find((c) => c.package === `${path}.mlpackage`) as CorpusCase;

/** Writes tensors in the types given for them, or their own. */
function writeInputs(
  tensors: Readonly<Record<string, HostTensor>>,
  dtypes: Readonly<Record<string, DType>> = {},
): void {
  const lazy = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const as = dtypes[name] ?? dtype;
    const values = as === "int64" || as === "uint64" ? Array.from(data as Int32Array, BigInt) : data;
    return [name, tensorOf(as, shape, values, name)] as const;
  });
  writeSafetensors(inputs, new Map(lazy));
}

const predict = (c: CorpusCase, ...more: readonly string[]): Promise<Finished> =>
  runCli(["predict", join(corpus, c.package), "--inputs", inputs, "--output", output, ...more]);

/** Compares what was written with what PyTorch computes. */
function expectOutputs(c: CorpusCase, expected: Readonly<Record<string, HostTensor>>): void {
  const given = readTensors(output);
  const values = Object.entries(given).filter(([name]) => !name.startsWith("state."));
  expect(values).toHaveLength(Object.keys(expected).length);
  for (const [name, tensor] of Object.entries(expected)) {
    // A classifier's probabilities are stored without the name its author chose.
    const actual = (given[name] ?? values[0]?.[1]) as HostTensor;
    const { error, allowed } = compared(actual, tensor, c.precision);
    expect(error, name).toBeLessThanOrEqual(allowed);
  }
}

describe("predict", () => {
  test.each(
    ["linear", "layer_norm", "softmax", "conv"].flatMap((op) => {
      const of = (precision: string) => cases.find((c) => c.op === op && c.precision === precision && !c.calls);
      return [of("fp32"), of("fp16")].flatMap((c) => (c ? [c.package] : []));
    }),
  )("gives the values of PyTorch: %s", async (path) => {
    const c = cases.find((each) => each.package === path) as CorpusCase;
    const [call] = callsOf(c);
    writeInputs(call?.inputs ?? {});
    const { status, stdout, stderr } = await predict(c);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expectOutputs(c, call?.outputs ?? {});
    const described = Object.entries(readTensors(output)).map(([name, { dtype, shape }]) => [name, { dtype, shape }]);
    expect(JSON.parse(stdout)).toEqual({ outputs: Object.fromEntries(described), executor: "onnxruntime" });
  });

  test.each(["fp16", "bf16", "fp64"] as const)("takes floats as %s", async (dtype) => {
    const c = caseOf("abs/fp_ios15_fp32");
    const [call] = callsOf(c);
    const names = Object.keys(call?.inputs ?? {});
    writeInputs(call?.inputs ?? {}, Object.fromEntries(names.map((name) => [name, dtype])));
    expect((await predict(c)).status).toBe(0);
    // bf16 holds 8 bits of what is written.
    if (dtype !== "bf16") expectOutputs(c, call?.outputs ?? {});
  });

  test.each(["uint8", "int64"] as const)("takes an image as %s and tells the label", async (dtype) => {
    const c = caseOf("models/image_rgb_ios17_fp16");
    const [call] = callsOf(c);
    const [name] = Object.keys(call?.inputs ?? {}) as [string];
    writeInputs(call?.inputs ?? {}, { [name]: dtype });
    const { status, stdout } = await predict(c);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).label).toBe("bird");
    expectOutputs(c, call?.outputs ?? {});
  });

  test("tells a label that is a number", async () => {
    const c = caseOf("classify/int64_ios15_fp32");
    writeInputs(callsOf(c)[0]?.inputs ?? {});
    expect(JSON.parse((await predict(c)).stdout).label).toBe(30000000000);
  });

  test("takes states in and gives them out", async () => {
    const c = caseOf("read_state/accumulator_ios18_fp16");
    let states: Record<string, HostTensor> = {};
    for (const call of callsOf(c)) {
      writeInputs({ ...call.inputs, ...states });
      expect((await predict(c)).status).toBe(0);
      expectOutputs(c, call.outputs);
      states = Object.fromEntries(Object.entries(readTensors(output)).filter(([name]) => name.startsWith("state.")));
      expect(Object.keys(states)).not.toEqual([]);
    }
  });

  test("calls the function that is named", async () => {
    const c = caseOf("models/functions_ios18_fp32");
    for (const [i, name] of (c.functions ?? []).entries()) {
      const call = callsOf(c)[i];
      writeInputs(call?.inputs ?? {});
      expect((await predict(c, "--function", name)).status).toBe(0);
      expectOutputs(c, call?.outputs ?? {});
    }
    const { status, stderr } = await predict(c, "--function", "scores");
    expect(stderr).toContain("has no function 'scores'\nhint: it has ");
    expect(status).toBe(2);
  });
});

describe("predict refuses", () => {
  const image = caseOf("models/image_rgb_ios15_fp32");
  const [call] = callsOf(image);
  const [name, pixels] = Object.entries(call?.inputs ?? {})[0] as [string, HostTensor];
  const ids = cases.find(
    (c) => !c.calls && Object.values(callsOf(c)[0]?.inputs ?? {}).some((t) => t.dtype === "int32"),
  );

  async function expectUsage(c: CorpusCase, message: RegExp): Promise<void> {
    const { status, stdout } = await predict(c, "--json", "--output", join(scratch, "refused.safetensors"));
    const { error } = JSON.parse(stdout);
    expect(error.kind).toBe("usage");
    expect(error.diagnostics[0].message).toMatch(message);
    expect(status).toBe(2);
    expect(existsSync(join(scratch, "refused.safetensors"))).toBe(false);
  }

  test("an input that is missing", async () => {
    writeInputs({});
    await expectUsage(image, /^is missing, expected an image of RGB planes \[1, 3, \d+, \d+\]$/);
  });

  test("an input that the package does not have", async () => {
    writeInputs({ [name]: pixels, other: pixels });
    await expectUsage(image, /^the model has no such input; it takes /);
  });

  test("a shape", async () => {
    writeInputs({ [name]: { ...pixels, shape: [...pixels.shape].reverse() } as HostTensor });
    await expectUsage(image, /^has shape \[.*\], expected an image of RGB planes/);
  });

  test("pixels that are none", async () => {
    writeInputs({ [name]: { ...pixels, data: pixels.data.map((x: number) => x + 200) } as HostTensor });
    await expectUsage(image, /^holds \d+ at \d+, expected whole numbers from 0 to 255$/);
    writeInputs({ [name]: { ...pixels, data: pixels.data.map((x: number) => x / 2) } as HostTensor });
    await expectUsage(image, /^holds [\d.]+ at \d+, expected whole numbers/);
  });

  test("floats for integers, and integers beyond 32 bits", async () => {
    const integers = Object.entries(callsOf(ids as CorpusCase)[0]?.inputs ?? {});
    const [key, tensor] = integers.find(([, t]) => t.dtype === "int32") as [string, HostTensor];
    writeInputs({
      ...Object.fromEntries(integers),
      [key]: { ...tensor, dtype: "fp32", data: Float32Array.from(tensor.data) },
    });
    await expectUsage(ids as CorpusCase, /^is a tensor of floats, expected int32$/);
    writeSafetensors(inputs, new Map([[key, tensorOf("int64", [1], [2n ** 31n], key)]]));
    await expectUsage(ids as CorpusCase, /holds 2147483648 at 0, beyond int32/);
  });

  test("what cannot be read (3) and where nothing can be written (4)", async () => {
    writeInputs({ [name]: pixels });
    const missing = await runCli(["predict", join(scratch, "none.mlpackage"), "--inputs", inputs, "--output", output]);
    expect(missing.stderr).toContain("none.mlpackage: no such package");
    expect(missing.status).toBe(3);
    const unread = await predict(image, "--inputs", join(scratch, "none.safetensors"));
    expect(unread.status).toBe(3);
    const unwritable = await predict(image, "--output", join(scratch, "none", "out.safetensors"));
    expect(unwritable.stderr).toContain("cannot write the file: ENOENT");
    expect(unwritable.status).toBe(4);
  });
});
