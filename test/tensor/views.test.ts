import { describe, expect, test } from "vitest";
import type { CastStatistics } from "../../src/tensor/cast-statistics.ts";
import { byteLength, type DType, elementCount } from "../../src/tensor/dtype.ts";
import { tensorOf, valuesOf } from "../../src/tensor/memory.ts";
import type { LazyTensor } from "../../src/tensor/tensor.ts";
import { cast, concatenated, mapped, permuted, reshaped, sliced, transposed } from "../../src/tensor/views.ts";

/** Element i of a tensor is i (modulo what the type holds), so that a misplaced element shows. */
function counting(dtype: DType, shape: readonly number[], key = "w"): LazyTensor {
  const count = elementCount(shape);
  const most = { uint8: 251, fp16: 2039 }[dtype as string] ?? 2 ** 24;
  return tensorOf(
    dtype,
    shape,
    Float64Array.from({ length: count }, (_, i) => i % most),
    key,
  );
}

/** Records what is read of a tensor. */
function watched(tensor: LazyTensor): LazyTensor & { reads: { bytes: number }[] } {
  const reads: { bytes: number }[] = [];
  const { dtype, shape, key } = tensor;
  return {
    dtype,
    shape,
    key,
    reads,
    read(start, count, out) {
      if (start < 0 || start + count > elementCount(shape) || out.length !== byteLength(dtype, count)) {
        throw new RangeError(`read of ${count} elements at ${start} into ${out.length} bytes`);
      }
      reads.push({ bytes: out.length });
      tensor.read(start, count, out);
    },
  };
}

/** All values, read `count` elements at a time, into an unaligned place where `offset` is odd. */
function readInParts(tensor: LazyTensor, count: number, offset = 0): number[] {
  const total = elementCount(tensor.shape);
  const bytes = new Uint8Array(byteLength(tensor.dtype, total));
  for (let start = 0; start < total; start += count) {
    const length = Math.min(count, total - start);
    const size = byteLength(tensor.dtype, length);
    const part = new Uint8Array(offset + size).subarray(offset);
    tensor.read(start, length, part);
    bytes.set(part, byteLength(tensor.dtype, start));
  }
  return [...valuesOf({ ...tensor, dtype: tensor.dtype, read: (_s, _c, out) => out.set(bytes) })];
}

function naivePermute(values: ArrayLike<number>, shape: readonly number[], perm: readonly number[]): number[] {
  const steps = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const out: number[] = [];
  const visit = (depth: number, at: number): void => {
    const axis = perm[depth];
    if (axis === undefined) out.push(values[at] as number);
    else for (let i = 0; i < (shape[axis] as number); i++) visit(depth + 1, at + i * (steps[axis] as number));
  };
  visit(0, 0);
  return out;
}

function naiveSlice(
  values: ArrayLike<number>,
  shape: readonly number[],
  axis: number,
  start: number,
  end: number,
): number[] {
  const inner = elementCount(shape.slice(axis + 1));
  return Array.from(values).filter((_, i) => {
    const index = Math.floor(i / inner) % (shape[axis] as number);
    return index >= start && index < end;
  });
}

describe("permuted", () => {
  const cases: [DType, number[], number[]][] = [
    ["fp32", [5, 7], [1, 0]],
    ["fp16", [33, 17], [1, 0]],
    ["uint8", [16, 65], [1, 0]],
    ["fp64", [6, 5], [1, 0]],
    ["int64", [3, 4, 5], [2, 0, 1]],
    ["fp32", [2, 3, 4, 5], [3, 2, 0, 1]],
    ["fp32", [2, 3, 4, 5], [1, 0, 2, 3]],
    ["fp32", [2, 3, 4, 5], [0, 2, 1, 3]],
    ["fp16", [3, 3, 8, 5], [3, 2, 0, 1]],
    ["fp32", [2, 1, 3, 1, 5], [4, 3, 2, 1, 0]],
    ["uint8", [2, 3, 2, 3, 2], [4, 1, 3, 0, 2]],
  ];
  test.each(cases)("%s [%s] by (%s), whole, in odd parts and unaligned", (dtype, shape, perm) => {
    const source = watched(counting(dtype, shape));
    const view = permuted(source, perm);
    const expected = naivePermute(valuesOf(source), shape, perm);
    expect(view.shape).toEqual(perm.map((axis) => shape[axis]));
    expect(readInParts(view, elementCount(shape))).toEqual(expected);
    for (const count of [1, 3, 7, 11]) expect(readInParts(view, count, count % 2)).toEqual(expected);
  });

  test.each<[DType, number[], number[]]>([
    ["fp32", [1100, 1001], [1, 0]],
    ["fp32", [3, 400_000], [1, 0]],
    ["fp32", [400_000, 3], [1, 0]],
    ["fp32", [3, 200_000, 2], [2, 1, 0]],
    ["fp32", [2, 600, 1000], [1, 0, 2]],
    ["fp64", [700, 801], [1, 0]],
    ["fp64", [2, 600_000], [1, 0]],
    ["fp64", [2, 3, 250_000], [2, 1, 0]],
  ])("%s [%s] by (%s), larger than a chunk, in bounded reads", (dtype, shape, perm) => {
    const source = watched(counting(dtype, shape));
    const view = permuted(source, perm);
    const expected = naivePermute(valuesOf(source), shape, perm);
    source.reads.length = 0;
    for (const count of [300_001, expected.length]) {
      const got = readInParts(view, count);
      expect(got.findIndex((value, i) => value !== expected[i])).toBe(-1);
      expect(got.length).toBe(expected.length);
    }
    expect(Math.max(...source.reads.map((r) => r.bytes))).toBeLessThanOrEqual(4 << 20);
    expect(source.reads.length).toBeLessThan(20_000);
  });

  test("the transpose's key, the identity, and moves of axes of length 1", () => {
    const source = { ...counting("fp32", [1, 6]), read: counting("fp32", [1, 6]).read, at: { path: "/f", offset: 8 } };
    expect(transposed(source)).toMatchObject({ shape: [6, 1], key: "w|T", at: { path: "/f", offset: 8 } });
    expect(permuted(source, [0, 1])).toBe(source);
    expect(transposed(counting("fp32", [2, 3])).at).toBeUndefined();
    expect([...valuesOf(transposed(counting("fp32", [0, 3])))]).toEqual([]);
    expect(() => permuted(source, [0, 0])).toThrow("[0,0] is no permutation");
    expect(() => transposed(counting("fp32", [2, 3, 4]))).toThrow("no permutation");
  });
});

describe("sliced", () => {
  test.each<[DType, number[], number, number, number]>([
    ["fp32", [5, 7], 0, 1, 4],
    ["fp32", [5, 7], 1, 2, 3],
    ["fp16", [3, 5, 7], 1, 1, 5],
    ["uint8", [3, 5, 7], 2, 0, 6],
    ["int64", [4, 3], 1, 1, 3],
    ["fp32", [3, 9_001], 1, 5, 17],
    ["fp32", [2, 3, 0], 1, 0, 1],
    ["fp32", [3, 4], 1, 2, 2],
  ])("%s [%s], axis %i from %i to %i", (dtype, shape, axis, start, end) => {
    const source = watched(counting(dtype, shape));
    const view = sliced(source, axis, start, end);
    const expected = naiveSlice(valuesOf(source), shape, axis, start, end);
    expect(view.shape).toEqual(shape.with(axis, end - start));
    for (const count of [1, 4, 5, 1000]) expect(readInParts(view, count)).toEqual(expected);
  });

  test("rows with small gaps are read together, rows with large gaps one by one", () => {
    const small = watched(counting("fp32", [1000, 30]));
    valuesOf(sliced(small, 1, 10, 20));
    expect(small.reads.length).toBe(1);
    const large = watched(counting("fp32", [10, 9_000]));
    valuesOf(sliced(large, 1, 10, 20));
    expect(large.reads).toEqual(Array.from({ length: 10 }, () => ({ bytes: 40 })));
  });

  test("a contiguous slice keeps where it lies; the whole is the tensor itself", () => {
    const source: LazyTensor = { ...counting("fp16", [4, 3]), read: () => {}, at: { path: "/f", offset: 100 } };
    expect(sliced(source, 0, 1, 3)).toMatchObject({ key: "w|slice(0,1,3)", at: { path: "/f", offset: 106 } });
    expect(sliced(source, 1, 1, 3).at).toBeUndefined();
    expect(sliced(source, 0, 0, 4)).toBe(source);
    expect(() => sliced(source, 0, 2, 5)).toThrow("no range 2..5 on axis 0 of shape [4,3]");
    expect(() => sliced(source, 2, 0, 1)).toThrow("no axis 2");
  });
});

describe("reshaped", () => {
  test("keeps values and place, under a key of its own", () => {
    const source: LazyTensor = { ...counting("fp32", [2, 6]), read: () => {}, at: { path: "/f", offset: 4 } };
    expect(reshaped(source, [3, 4])).toMatchObject({
      shape: [3, 4],
      key: "w|reshape(3,4)",
      at: { path: "/f", offset: 4 },
    });
    expect(reshaped(source, [2, 6])).toBe(source);
    expect([...valuesOf(reshaped(counting("fp32", [2, 3]), [6]))]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(() => reshaped(source, [5])).toThrow("[2,6] cannot be reshaped to [5]");
  });
});

describe("concatenated", () => {
  test.each<[DType, number[][], number]>([
    [
      "fp32",
      [
        [2, 3],
        [4, 3],
      ],
      0,
    ],
    [
      "fp32",
      [
        [3, 2],
        [3, 5],
        [3, 1],
      ],
      1,
    ],
    [
      "uint8",
      [
        [2, 3, 2],
        [2, 1, 2],
      ],
      1,
    ],
    [
      "fp16",
      [
        [2, 0],
        [2, 3],
      ],
      1,
    ],
    [
      "fp32",
      [
        [3, 2_500],
        [3, 3],
      ],
      1,
    ],
  ])("%s %j on axis %i", (dtype, shapes, axis) => {
    const sources = shapes.map((shape, i) => watched(mappedOffset(dtype, shape, i * 100)));
    const view = concatenated(sources, axis);
    const rows = elementCount((shapes[0] as number[]).slice(0, axis));
    const expected = Array.from({ length: rows }, (_, row) =>
      sources.flatMap((source) => {
        const run = elementCount(source.shape) / rows;
        return [...valuesOf(source)].slice(row * run, (row + 1) * run);
      }),
    ).flat();
    for (const count of [1, 3, 7, 10_000]) expect(readInParts(view, count)).toEqual(expected);
  });

  const mappedOffset = (dtype: DType, shape: number[], offset: number) =>
    tensorOf(
      dtype,
      shape,
      Array.from({ length: elementCount(shape) }, (_, i) => (i + offset) % 251),
      `w${offset}`,
    );

  test("one tensor is itself; misfits are refused", () => {
    const a = counting("fp32", [2, 3], "a");
    expect(concatenated([a], 0)).toBe(a);
    expect(concatenated([a, counting("fp32", [1, 3], "b")], 0)).toMatchObject({
      shape: [3, 3],
      key: "concat(a, b; 0)",
    });
    expect(() => concatenated([a, counting("fp32", [2, 4], "b")], 0)).toThrow(
      "b: fp32 [2,4] cannot be joined to fp32 [2,3]",
    );
    expect(() => concatenated([a, counting("fp16", [2, 3], "b")], 0)).toThrow("fp16 [2,3] cannot be joined");
    expect(() => concatenated([], 0)).toThrow("no tensors");
  });
});

describe("cast", () => {
  const floats = ["fp16", "bf16", "fp32", "fp64"] as const;
  const pairs = floats.flatMap((from) => floats.filter((to) => to !== from).map((to) => [from, to] as const));
  test.each(pairs)("%s to %s", (from, to) => {
    const values = [0, -0, 1, -2.5, 0.15625, 2 ** -14, 2 ** 15, Number.NaN, Number.POSITIVE_INFINITY];
    const view = cast(tensorOf(from, [9], values, "w"), to);
    expect(view).toMatchObject({ dtype: to, key: `w|${to}` });
    for (const count of [9, 2, 1]) expect(readInParts(view, count, count % 2)).toEqual(values);
  });

  test("fp64 is rounded once on its way to fp16 and bf16", () => {
    const half = cast(tensorOf("fp64", [1], [1 + 2 ** -11 + 2 ** -40], "w"), "fp16");
    expect([...valuesOf(half)]).toEqual([1 + 2 ** -10]);
    const brain = cast(tensorOf("fp64", [1], [1 + 2 ** -8 + 2 ** -40], "w"), "bf16");
    expect([...valuesOf(brain)]).toEqual([1 + 2 ** -7]);
  });

  test("statistics cover the tensor once, however it is read, and again when it is read again", () => {
    const seen: CastStatistics[] = [];
    const values = Array.from(
      { length: 70_000 },
      (_, i) => [1, 1e-6, 1e-10, 1e6, Number.NaN, -1 / 0, 0][i % 7] as number,
    );
    const view = cast(tensorOf("fp32", [70_000], values, "w"), "fp16", (s) => seen.push(s));
    const expected = { elements: 70_000, overflowed: 1e4, flushed: 1e4, subnormal: 1e4, nan: 1e4, infinite: 1e4 };
    readInParts(view, 70_000);
    readInParts(view, 999);
    expect(seen).toEqual([expected, expected]);
    view.read(10, 1, new Uint8Array(2));
    expect(seen.length).toBe(2);
  });

  test.each(["fp32", "fp16", "bf16"] as const)("fp64 to %s counts what is lost", (to) => {
    const seen: CastStatistics[] = [];
    const values = [1, 1e300, -1e-300, Number.NaN, Number.POSITIVE_INFINITY, { fp16: 1e-6 }[to as string] ?? 1e-40];
    readInParts(
      cast(tensorOf("fp64", [6], values, "w"), to, (s) => seen.push(s)),
      6,
    );
    expect(seen).toEqual([{ elements: 6, overflowed: 1, flushed: 1, subnormal: 1, nan: 1, infinite: 1 }]);
  });

  test("integers are widened and narrowed, and refused where they do not fit", () => {
    expect(readInParts(cast(tensorOf("int64", [3], [-5, 0, 7], "w"), "int32"), 2, 1)).toEqual([-5, 0, 7]);
    expect(readInParts(cast(tensorOf("uint8", [2], [0, 255], "w"), "int64"), 2)).toEqual([0, 255]);
    expect(readInParts(cast(tensorOf("bool", [2], [1, 0], "w"), "int32"), 2)).toEqual([1, 0]);
    const ids = cast(tensorOf("int64", [2], [1, 2 ** 31], "ids"), "int32");
    expect(() => valuesOf(ids)).toThrow("ids: the int64 value 2147483648 does not fit int32");
    expect(() => valuesOf(cast(tensorOf("int8", [1], [-1], "w"), "uint8"))).toThrow("does not fit uint8");
  });

  test("the same type is the tensor itself; floats and integers do not mix", () => {
    const w = counting("fp32", [2]);
    expect(cast(w, "fp32")).toBe(w);
    expect(() => cast(w, "int32")).toThrow("no cast from fp32 to int32");
    expect(() => cast(tensorOf("int32", [1], [1], "w"), "fp32")).toThrow("no cast from int32 to fp32");
  });
});

test("mapped computes in fp32", () => {
  const view = mapped(tensorOf("bf16", [3], [0.5, -1, 2], "norm"), "1+x", (x) => 1 + x);
  expect(view).toMatchObject({ dtype: "fp32", key: "norm|1+x", shape: [3] });
  for (const count of [1, 3]) expect(readInParts(view, count, 1)).toEqual([1.5, 0, 3]);
  expect([...valuesOf(mapped(tensorOf("fp64", [1], [0.1], "w"), "3x", (x) => 3 * x))]).toEqual([
    Math.fround(3 * Math.fround(0.1)),
  ]);
});

test("a cast reads a transform in large pieces, so that a transpose behind it does not read its source too often", () => {
  const source = watched(counting("fp32", [1024, 4096]));
  cast(transposed(source), "fp16").read(0, 1 << 20, new Uint8Array(2 << 20));
  expect(source.reads.length).toBeLessThanOrEqual(1024);
});

test("transforms stack", () => {
  const w = counting("fp32", [6, 10]);
  const view = cast(transposed(sliced(transposed(w), 0, 2, 5)), "fp16");
  expect(view.key).toBe("w|T|slice(0,2,5)|T|fp16");
  expect(readInParts(view, 4)).toEqual(naiveSlice(valuesOf(w), [6, 10], 1, 2, 5));
});
