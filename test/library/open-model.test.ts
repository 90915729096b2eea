import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "../../src/predict.ts";
import type { HostTensor } from "../../src/run/host-tensor.ts";
import { type CorpusCase, callsOf, cases, compared, corpus } from "../ops/corpus.ts";

const caseOf = (path: string): CorpusCase => cases.find((c) => c.package === `${path}.mlpackage`) as CorpusCase;
const accumulator = caseOf("read_state/accumulator_ios18_fp16");
const path = join(corpus, accumulator.package);

const expectClose = (actual: Readonly<Record<string, HostTensor>>, expected: Readonly<Record<string, HostTensor>>) => {
  for (const [name, tensor] of Object.entries(expected)) {
    const { error, allowed } = compared(actual[name] as HostTensor, tensor, accumulator.precision);
    expect(error, name).toBeLessThanOrEqual(allowed);
  }
};

test("keeps states from call to call, and begins anew when told", async () => {
  await using model = await openModel(path);
  const calls = callsOf(accumulator);
  for (let round = 0; round < 2; round++) {
    for (const { inputs, outputs } of calls) expectClose((await model.predict(inputs)).outputs, outputs);
    model.resetStates();
  }
});

test("takes a state in place of the one it kept", async () => {
  await using model = await openModel(path);
  const [first, second] = callsOf(accumulator);
  const { outputs } = await model.predict(first?.inputs ?? {});
  await model.predict(first?.inputs ?? {});
  const states = Object.fromEntries(Object.entries(outputs).filter(([name]) => name.startsWith("state.")));
  expect(Object.keys(states)).not.toEqual([]);
  expectClose((await model.predict({ ...second?.inputs, ...states })).outputs, second?.outputs ?? {});
});

test("goes on after a call that did not fit, with the states as they were", async () => {
  await using model = await openModel(path);
  const [first, second] = callsOf(accumulator);
  await model.predict(first?.inputs ?? {});
  await expect(model.predict({})).rejects.toMatchObject({ kind: "usage", diagnostics: [{ code: "input.missing" }] });
  expectClose((await model.predict(second?.inputs ?? {})).outputs, second?.outputs ?? {});
  model.resetStates();
  await expect(model.predict({})).rejects.toThrow();
  expectClose((await model.predict(first?.inputs ?? {})).outputs, first?.outputs ?? {});
});

test("answers calls made at the same time in their order", async () => {
  await using model = await openModel(path);
  const calls = callsOf(accumulator);
  const answers = await Promise.all(calls.map(({ inputs }) => model.predict(inputs)));
  for (const [i, { outputs }] of answers.entries()) expectClose(outputs, calls[i]?.outputs ?? {});
});

test("tells a classifier's labels", async () => {
  await using model = await openModel(join(corpus, "models/image_rgb_ios17_fp16.mlpackage"));
  expect(model.labels).toEqual(["cat", "dog", "fish", "bird", "house, red"]);
  expect(model.interface.inputs.map((f) => [f.name, f.kind])).toEqual([["image", "image"]]);
});

test("ends with its scope, with close, and with its signal", async () => {
  const inputs = callsOf(accumulator)[0]?.inputs ?? {};
  const open = await openModel(path);
  open.close();
  await expect(open.predict(inputs)).rejects.toMatchObject({ diagnostics: [{ code: "run.crash" }] });
  const controller = new AbortController();
  await using model = await openModel(path, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(model.predict(inputs)).rejects.toThrow("enough");
});
