import { describe, expect, test } from "vitest";
import { ConversionError, type Diagnostic } from "../../src/diagnostics.ts";
import type { Feature, ImageFeature, Interface, TensorFeature } from "../../src/mil/interface.ts";
import { feedsOf } from "../../src/run/feeds.ts";
import { type HostTensor, type HostTensors, hostTensor } from "../../src/run/host-tensor.ts";

const tensor = (more: Partial<TensorFeature> = {}): TensorFeature => ({
  name: "x",
  kind: "tensor",
  dtype: "fp32",
  shape: [1, 4],
  flexibility: { kind: "fixed" },
  ...more,
});
const image = (more: Partial<ImageFeature> = {}): ImageFeature => ({
  name: "x",
  kind: "image",
  colorSpace: "RGB",
  height: 1,
  width: 2,
  flexibility: { kind: "fixed" },
  ...more,
});
const taking = (...inputs: readonly Feature[]): Interface => ({ inputs, outputs: [], states: [] });
const zeros = (...shape: number[]): HostTensor =>
  hostTensor("fp32", shape, Array(shape.reduce((a, b) => a * b, 1)).fill(0));

function problemsOf(described: Interface, given: HostTensors): readonly Diagnostic[] {
  try {
    feedsOf(described, given);
    return [];
  } catch (cause) {
    if (cause instanceof ConversionError && cause.kind === "usage") return cause.diagnostics;
    throw cause;
  }
}
const messageOf = (described: Interface, given: HostTensors): string => {
  const problems = problemsOf(described, given);
  expect(problems.length).toBeLessThanOrEqual(1);
  return problems[0] ? `${problems[0].path} ${problems[0].message}` : "taken";
};

test("everything wrong is listed at once", () => {
  const described = taking(
    tensor(),
    tensor({ name: "y" }),
    tensor({ name: "z" }),
    tensor({ name: "n", dtype: "int32" }),
    image({ name: "i" }),
  );
  const i = hostTensor("int32", [1, 3, 1, 2], [0, 256, 0, 0, 0, 0]);
  expect(problemsOf(described, { x: zeros(1, 3), z: zeros(1, 4), n: zeros(1, 4), i, w: zeros(1) })).toEqual([
    {
      code: "input.unknown",
      severity: "error",
      path: "w",
      message: "the model has no such input; it takes x, y, z, n, i",
    },
    { code: "input.shape", severity: "error", path: "x", message: "has shape [1, 3], expected fp32 [1, 4]" },
    { code: "input.missing", severity: "error", path: "y", message: "is missing, expected fp32 [1, 4]" },
    { code: "input.values", severity: "error", path: "n", message: "is a tensor of floats, expected int32" },
    {
      code: "input.values",
      severity: "error",
      path: "i",
      message: "holds 256 at 1, expected whole numbers from 0 to 255",
    },
  ]);
});

test("a name every object has is no input", () => {
  expect(messageOf(taking(tensor({ name: "toString" })), {})).toBe("toString is missing, expected fp32 [1, 4]");
});

describe("shapes", () => {
  test("fixed", () => {
    expect(messageOf(taking(tensor()), { x: zeros(1, 4) })).toBe("taken");
    expect(messageOf(taking(tensor()), { x: zeros(4) })).toMatch(/has shape \[4\], expected fp32 \[1, 4\]/);
    expect(messageOf(taking(tensor()), { x: zeros(1, 1, 4) })).toMatch(/expected fp32 \[1, 4\]/);
    expect(messageOf(taking(tensor({ shape: [] })), { x: zeros() })).toBe("taken");
  });
  test("in a range", () => {
    const described = taking(
      tensor({
        flexibility: {
          kind: "range",
          ranges: [
            [1, 1],
            [2, 6],
          ],
        },
      }),
    );
    expect([1, 2, 6, 7].map((n) => messageOf(described, { x: zeros(1, n) }))).toEqual([
      "x has shape [1, 1], expected fp32 [1, 2..6]",
      "taken",
      "taken",
      "x has shape [1, 7], expected fp32 [1, 2..6]",
    ]);
    expect(messageOf(described, { x: zeros(1, 2, 1) })).toMatch(/expected fp32 \[1, 2..6\]/);
    const open = taking(
      tensor({
        flexibility: {
          kind: "range",
          ranges: [
            [1, 1],
            [2, Number.POSITIVE_INFINITY],
          ],
        },
      }),
    );
    expect(messageOf(open, { x: zeros(1, 500) })).toBe("taken");
  });
  test("enumerated", () => {
    const described = taking(
      tensor({
        flexibility: {
          kind: "enumerated",
          shapes: [
            [1, 4],
            [1, 8],
          ],
        },
      }),
    );
    expect(messageOf(described, { x: zeros(1, 8) })).toBe("taken");
    expect(messageOf(described, { x: zeros(1, 6) })).toBe("x has shape [1, 6], expected fp32 [1, 4] or [1, 8]");
  });
  test("that the values do not fill", () => {
    const short = { dtype: "fp32", shape: [1, 4], data: new Float32Array(3) } as const;
    expect(messageOf(taking(tensor()), { x: short })).toBe("x has 3 values for shape [1, 4]");
    expect(() => hostTensor("fp32", [1, 4], [1, 2, 3])).toThrow(/3 values for shape \[1,4\]/);
  });
});

describe("element types", () => {
  test("integers for floats are converted, floats for integers are refused", () => {
    const { x } = feedsOf(taking(tensor()), { x: hostTensor("int32", [1, 4], [1, -2, 3, 4]) });
    expect([x?.dtype, ...(x?.data ?? [])]).toEqual(["fp32", 1, -2, 3, 4]);
    for (const dtype of ["int32", "int8"] as const)
      expect(messageOf(taking(tensor({ dtype })), { x: zeros(1, 4) })).toBe(
        `x is a tensor of floats, expected ${dtype}`,
      );
  });
  test("the fitting type is passed on, not copied", () => {
    const x = zeros(1, 4);
    expect(feedsOf(taking(tensor({ dtype: "fp16" })), { x }).x).toBe(x);
  });
});

describe("optional inputs", () => {
  test.each<[TensorFeature["dtype"], number | undefined, string, number]>([
    ["fp32", 0.25, "fp32", 0.25],
    ["int32", -3, "int32", -3],
    ["fp32", 0, "fp32", 0],
    ["fp16", undefined, "fp32", 0],
  ])("%s with default %s", (dtype, value, given, filled) => {
    const { x } = feedsOf(taking(tensor({ dtype, optional: { value } })), {});
    expect([x?.dtype, x?.shape, ...(x?.data ?? [])]).toEqual([given, [1, 4], filled, filled, filled, filled]);
  });
  test("given, are not filled; given wrong, are refused", () => {
    const described = taking(tensor({ optional: { value: 1 } }));
    expect([...(feedsOf(described, { x: zeros(1, 4) }).x?.data ?? [])]).toEqual([0, 0, 0, 0]);
    expect(messageOf(described, { x: zeros(1, 5) })).toMatch(/expected fp32 \[1, 4\]/);
  });
});

describe("images", () => {
  const pixels = hostTensor("int32", [1, 3, 1, 2], [10, 11, 20, 21, 30, 31]);
  test("keep their order for RGB, and swap red with blue for BGR", () => {
    expect([...(feedsOf(taking(image()), { x: pixels }).x?.data ?? [])]).toEqual([10, 11, 20, 21, 30, 31]);
    const { x } = feedsOf(taking(image({ colorSpace: "BGR" })), { x: pixels });
    expect([x?.dtype, ...(x?.data ?? [])]).toEqual(["fp32", 30, 31, 20, 21, 10, 11]);
    expect([...pixels.data], "the caller's pixels").toEqual([10, 11, 20, 21, 30, 31]);
  });
  test("of one channel when gray", () => {
    const gray = taking(image({ colorSpace: "GRAYSCALE" }));
    expect(messageOf(gray, { x: zeros(1, 1, 1, 2) })).toBe("taken");
    expect(messageOf(gray, { x: zeros(1, 3, 1, 2) })).toMatch(/expected an image of gray planes \[1, 1, 1, 2\]/);
  });
  test("of one size, or of those that are allowed, height before width", () => {
    expect(messageOf(taking(image()), { x: zeros(1, 3, 2, 1) })).toMatch(
      /expected an image of RGB planes \[1, 3, 1, 2\]/,
    );
    expect(messageOf(taking(image()), { x: zeros(3, 1, 2) })).toMatch(/expected/);
    expect(messageOf(taking(image()), { x: zeros(2, 3, 1, 2) })).toMatch(/expected/);
    const ranged = taking(
      image({
        flexibility: {
          kind: "range",
          ranges: [
            [1, 2],
            [2, 4],
          ],
        },
      }),
    );
    expect(messageOf(ranged, { x: zeros(1, 3, 2, 4) })).toBe("taken");
    expect(messageOf(ranged, { x: zeros(1, 3, 4, 2) })).toMatch(/planes \[1, 3, 1..2, 2..4\]/);
    const listed = taking(
      image({
        flexibility: {
          kind: "enumerated",
          shapes: [
            [1, 2],
            [4, 4],
          ],
        },
      }),
    );
    expect(messageOf(listed, { x: zeros(1, 3, 4, 4) })).toBe("taken");
    expect(messageOf(listed, { x: zeros(1, 3, 2, 2) })).toMatch(/planes \[1, 3, 1, 2\] or \[1, 3, 4, 4\]/);
  });
});

describe("listed shapes of several inputs", () => {
  const listed = (...shapes: number[][]): Pick<TensorFeature, "flexibility"> => ({
    flexibility: { kind: "enumerated", shapes },
  });
  const described = taking(
    tensor(listed([1, 4], [1, 8], [1, 8])),
    tensor({ name: "y", ...listed([2], [3], [4]) }),
    tensor({ name: "z" }),
  );
  test("are taken from one position, a shape at several of them from each", () => {
    const taken = [
      [4, 2],
      [8, 3],
      [8, 4],
    ] as const;
    for (const [x, y] of taken)
      expect(messageOf(described, { x: zeros(1, x), y: zeros(y), z: zeros(1, 4) })).toBe("taken");
    expect(messageOf(described, { x: zeros(1, 4), y: zeros(4), z: zeros(1, 4) })).toBe(
      "x, y x [1, 4] with y [4], expected x [1, 4] with y [2] or x [1, 8] with y [3] or x [1, 8] with y [4]",
    );
  });
});

describe("states", () => {
  const described: Interface = {
    inputs: [],
    outputs: [],
    states: [
      { name: "s", kind: "state", dtype: "fp16", shape: [2] },
      { name: "n", kind: "state", dtype: "int8", shape: [2] },
    ],
  };
  test("begin at zero, in the type they run in", () => {
    const { s, n } = feedsOf(described, {});
    expect([s, n].map((t) => [t?.dtype, ...(t?.data ?? [])])).toEqual([
      ["fp32", 0, 0],
      ["int32", 0, 0],
    ]);
  });
  test("are given as `state.<name>`", () => {
    const { s } = feedsOf(described, { "state.s": hostTensor("int32", [2], [3, 4]) });
    expect([s?.dtype, ...(s?.data ?? [])]).toEqual(["fp32", 3, 4]);
    expect(messageOf(described, { "state.s": zeros(3) })).toBe("state.s has shape [3], expected [2]");
    expect(messageOf(described, { s: zeros(2) })).toMatch(/^s the model has no such input; it takes state.s, state.n/);
  });
});
