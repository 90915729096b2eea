import { describe, expect, test } from "vitest";
import { resizedBicubic } from "../../src/nn/bicubic.ts";
import { resizedPositions } from "../../src/nn/patches.ts";
import { elementCount } from "../../src/tensor/dtype.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";

/** Values in [-2, 2), exact in half precision too. */
function grid(shape: readonly number[], dtype: "fp32" | "fp16" = "fp32"): LazyTensor {
  const values = Array.from({ length: elementCount(shape) }, (_, i) => (((i * 37 + 11) % 64) - 32) / 16);
  return tensorOf(dtype, shape, values, "table");
}

/** One unit in the last place of values up to 4. */
const ULP = 2 ** -22;

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...expected.map((x, i) => Math.abs(x - (actual[i] ?? Number.NaN))));
  expect(worst).toBeLessThanOrEqual(ULP);
}

// From PyTorch 2.13.0: interpolate(grid, size=to, mode="bicubic", align_corners=False).
const cases = [
  {
    name: "up",
    from: [2, 2, 1],
    to: [3, 3],
    expected: [
      -1.56749201, -0.210503519, 1.14648414, -1.20073807, 0.15625, 1.5132376, -0.833984852, 0.523003399, 1.87999129,
    ],
  },
  {
    name: "not square, two channels",
    from: [2, 3, 2],
    to: [3, 4],
    expected: [
      -1.52012146, 1.13960123, -1.14414489, 1.99317801, -0.556376219, 0.536817849, -0.180399626, -2.17993188,
      -0.41986084, -0.10736084, -0.0438842773, 0.488342285, 0.543884277, 0.135681152, 0.91986084, -0.911193848,
      0.680399239, -1.35432231, 1.05637574, -1.01649261, 1.64414454, -0.265455335, 2.0201211, 0.357543528,
    ],
  },
  {
    name: "down",
    from: [4, 4, 1],
    to: [2, 3],
    expected: [-0.765263498, -0.3359375, 0.0933881551, -0.030888319, 0.3984375, 0.827763379],
  },
  {
    name: "to one row",
    from: [3, 3, 1],
    to: [1, 5],
    expected: [1.78700018, 1.09174919, -0.0625, -1.21674991, -1.91200018],
  },
  { name: "from one", from: [1, 1, 2], to: [2, 2], expected: [-1.3125, 1, -1.3125, 1, -1.3125, 1, -1.3125, 1] },
] as const;

describe("a grid resized as PyTorch does", () => {
  test.each(cases)("$name", ({ from, to: [height, width], expected }) => {
    const resized = resizedBicubic(grid(from), height, width);
    expect(resized.shape).toEqual([height, width, from[2]]);
    expectClose(valuesOf(resized), expected);
  });

  test("14 x 14 to 24 x 20, in the middle and at borders", () => {
    const values = valuesOf(resizedBicubic(grid([14, 14, 3]), 24, 20));
    const at = (row: number, column: number) => values.slice((row * 20 + column) * 3, (row * 20 + column + 1) * 3);
    expectClose(at(5, 7), [0.925484776, -0.22559759, 1.08265424]);
    expectClose(at(23, 19), [-0.476192534, 2.19326973, 0.148807213]);
    expectClose(at(11, 0), [1.00693858, 0.268152684, -2.25140572]);
  });

  test("half precision is widened first", () => {
    const [half, full] = (["fp16", "fp32"] as const).map((dtype) =>
      valuesOf(resizedBicubic(grid([3, 3, 2], dtype), 4, 5)),
    );
    expect(half).toEqual(full);
  });

  test("pieces are those of the whole, wherever they begin and end", () => {
    const resized = resizedBicubic(grid([3, 3, 2]), 4, 5);
    const whole = valuesOf(resized);
    const pieces = [0, 1, 9, 10, 25, 40].flatMap((start, i, all) => {
      const count = (all[i + 1] ?? start) - start;
      const bytes = new Uint8Array(4 * count);
      resized.read(start, count, bytes);
      return [...new Float32Array(bytes.buffer)];
    });
    expect(pieces).toEqual([...whole]);
  });
});

test("a grid of the size it has is left as it is", () => {
  const table = grid([3, 2, 4]);
  expect(resizedBicubic(table, 3, 2)).toBe(table);
});

test("positions: the row of [CLS] stays, the rest is a grid", () => {
  const table = grid([1, 1 + 2 * 2, 1]);
  const resized = resizedPositions(table, [2, 2], [3, 3]);
  const [cls, ...patches] = valuesOf(resized);
  const rest = tensorOf("fp32", [2, 2, 1], [...valuesOf(table)].slice(1), "rest");
  expect(resized.shape).toEqual([1, 10, 1]);
  expect(cls).toBe(valuesOf(table)[0]);
  expect(patches).toEqual([...valuesOf(resizedBicubic(rest, 3, 3))]);
});
