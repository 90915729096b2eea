import { join } from "node:path";
import { expect, test } from "vitest";
import { float32 } from "../../src/mil/builder.ts";
import { openSession } from "../../src/run/session.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { Graph } from "../mil/graph.ts";
import { packageOf, testFolder } from "./packages.ts";

const folder = testFolder();
const [width, kernel, channels] = [64, 3, 16];
const wave = (count: number, step: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * step) + Math.sin(i * i));

/** What a convolution over a width gives, `height` being the sizes that stand before it. */
async function convolved(name: string, height: readonly 1[]): Promise<Float32Array> {
  const g = new Graph();
  const weightShape = [channels, channels, ...height, kernel];
  const y = g.op("conv", {
    x: g.input("x", float32([1, channels, ...height, width])),
    weight: tensorOf("fp32", weightShape, wave(channels * channels * kernel, 0.7), name),
    strides: [...height, 1],
    pad_type: "valid",
  });
  const session = await openSession(await packageOf(join(folder, `${name}.mlpackage`), g.end({ y })), {
    mode: "rounded",
  });
  const { outputs } = await session.run({
    x: { dtype: "fp32", shape: [1, channels, ...height, width], data: wave(channels * width, 0.1) },
  });
  return outputs.y?.data as Float32Array;
}

test("a convolution over one dimension gives, to the bit, what it gives over an image of height 1", async () => {
  const [one, two] = [await convolved("one", []), await convolved("two", [1])];
  expect(one.length).toBe(channels * (width - kernel + 1));
  expect([...one]).toEqual([...two]);
});
