import { expect, test } from "vitest";
import { ConversionError } from "../../src/diagnostics.ts";
import { Builder, float32, type Given, int32 } from "../../src/mil/builder.ts";
import { addDims, dimsText, length, mulDims } from "../../src/mil/dim.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Target } from "../../src/mil/opset.ts";
import type { Value } from "../../src/mil/program.ts";
import { paramsOf } from "../../src/mil/row.ts";
import { tensorType, typeText } from "../../src/mil/types.ts";
import { tensorOf } from "../../src/tensor/memory.ts";

const [B, S, P] = [length("B", 1, 8), length("S", 1, 512), length("P", 0, 512)];

class Graph extends Builder {
  constructor(target: Target = "iOS18") {
    super(target, ops);
  }

  op(name: keyof typeof ops, given: Readonly<Record<string, Given>>): Value {
    return this.emit(name, given)[0] as Value;
  }

  shapeOfInput(...shape: Parameters<typeof float32>[0]): Value {
    return this.op("shape", { x: this.input("x", float32(shape)) });
  }

  data(dtype: "fp32" | "int32" | "bool", values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.weight(tensorOf(dtype, shape, values, `${dtype} ${values} [${shape}]`));
  }
}

const contentText = (v: Value): string | undefined => v.content && dimsText(v.content);
const refusal = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof ConversionError) return error.message;
    throw error;
  }
  return "accepted";
};

test("every row is registered under its own name, and its parameters have one name each", () => {
  for (const [key, row] of Object.entries(ops)) {
    expect(row.name).toBe(key);
    const names = paramsOf(row).map((p) => p.name);
    expect(new Set(names).size, key).toBe(names.length);
  }
});

test("integer arithmetic on sizes keeps them known", () => {
  const g = new Graph();
  const shape = g.shapeOfInput(B, S, 64);
  const at = (i: number): Value => g.op("gather", { x: shape, indices: i, axis: 0 });
  const [b, s, width] = [at(0), at(1), at(2)];
  expect(contentText(g.op("add", { x: s, y: 1 }))).toBe("[S + 1]");
  expect(contentText(g.op("sub", { x: s, y: b }))).toBe("[-B + S]");
  expect(contentText(g.op("mul", { x: s, y: b }))).toBe("[B*S]");
  expect(contentText(g.op("floor_div", { x: width, y: 12 }))).toBe("[5]");
  expect(contentText(g.op("real_div", { x: g.op("mul", { x: s, y: 4 }), y: 2 }))).toBe("[2*S]");
  expect(contentText(g.op("mod", { x: width, y: 12 }))).toBe("[4]");
  expect(contentText(g.op("maximum", { x: s, y: 1 }))).toBe("[S]");
  expect(contentText(g.op("minimum", { x: s, y: 512 }))).toBe("[S]");
  expect(g.op("minimum", { x: s, y: 100 }).content).toBeUndefined();
  expect(contentText(g.op("mul", { x: shape, y: 2 }))).toBe("[2*B, 2*S, 128]");
});

test("floor division and remainder take the divisor's sign, real_div drops the fraction", () => {
  const g = new Graph();
  const [x, y] = [g.data("int32", [-7, 7]), g.data("int32", [2, -2])];
  expect(g.op("floor_div", { x, y }).content).toEqual([-4, -4]);
  expect(g.op("mod", { x, y }).content).toEqual([1, -1]);
  expect(g.op("real_div", { x, y }).content).toEqual([-3, -3]);
});

test("moves of a vector of sizes keep it known", () => {
  const g = new Graph();
  const shape = g.shapeOfInput(B, S);
  expect(contentText(g.op("reverse", { x: shape }))).toBe("[S, B]");
  expect(contentText(g.op("tile", { x: shape, reps: [2] }))).toBe("[B, S, B, S]");
  expect(contentText(g.op("reduce_prod", { x: shape, axes: [0], keep_dims: true }))).toBe("[B*S]");
  expect(
    contentText(
      g.op("identity", { x: g.op("cast", { x: g.op("cast", { x: shape, dtype: "fp32" }), dtype: "int32" }) }),
    ),
  ).toBe("[B, S]");
  expect(g.op("cast", { x: shape, dtype: "int8" }).content).toBeUndefined();
  const s = g.op("squeeze", { x: g.op("slice_by_index", { x: shape, begin: [1], end: [2] }), axes: [0] });
  expect([typeText(s.type), contentText(s)]).toEqual(["int32", "[S]"]);
  expect(contentText(g.op("expand_dims", { x: s, axes: [0] }))).toBe("[S]");
});

test("a comparison that the bounds decide picks the known branch of a select", () => {
  const g = new Graph();
  const shape = g.shapeOfInput(B, S);
  const ones = g.op("fill_like", { ref_tensor: shape, value: g.data("int32", [1], []) });
  const cond = g.op("greater_equal", { x: shape, y: g.data("int32", [1, 1]) });
  expect(cond.content).toEqual([1, 1]);
  expect(contentText(g.op("select", { cond, a: shape, b: ones }))).toBe("[B, S]");
  expect(g.op("greater", { x: shape, y: g.data("int32", [1, 1]) }).content).toBeUndefined();
});

test("a fill of a computed shape has that shape", () => {
  const g = new Graph();
  const shape = g.op("concat", {
    values: [g.dim(1), g.op("gather", { x: g.shapeOfInput(B, S), indices: 1, axis: 0 })],
    axis: 0,
  });
  expect(typeText(g.op("fill", { shape, value: 0.5 }).type)).toBe("tensor<fp32, [1, S]>");
});

test("select refuses a condition wider than its values", () => {
  const g = new Graph();
  const cond = g.op("greater", { x: g.input("x", float32([S, 4])), y: 0 });
  expect(refusal(() => g.op("select", { cond, a: g.data("fp32", [1], []), b: g.data("fp32", [0], []) }))).toContain(
    "wider",
  );
});

test("broadcasting refuses sizes that only may be equal", () => {
  const g = new Graph();
  const [x, y] = [g.input("x", float32([S, 4])), g.input("y", float32([P, 4]))];
  expect(refusal(() => g.op("add", { x, y }))).toContain("does not broadcast");
  expect(typeText(g.op("mul", { x, y: g.input("z", float32([1, 4])) }).type)).toBe("tensor<fp32, [S, 4]>");
  expect(refusal(() => g.op("add", { x, y: g.input("n", int32([4])) }))).toContain("int32");
});

test("linear keeps all but the last dimension, and its missing bias is zeros of the weight's dtype", () => {
  const g = new Graph();
  const weight = g.data("fp32", Array(12).fill(1), [3, 4]);
  const [y] = g.emit("linear", { x: g.input("x", float32([B, S, 4])), weight });
  expect(typeText((y as Value).type)).toBe("tensor<fp32, [B, S, 3]>");
  const { nodes } = g.finish("main", new Map([["y", y as Value]])).body;
  const bias = nodes.find((n) => n.op === "linear")?.inputs.get("bias") as Value;
  expect(typeText(bias.type)).toBe("tensor<fp32, [3]>");
  expect(refusal(() => new Graph().op("linear", { x: g.input("w", float32([2, 5])), weight }))).toContain("5");
});

test("matmul follows NumPy", () => {
  const g = new Graph();
  const [x, y] = [g.input("x", float32([B, 1, S, 64])), g.input("y", float32([12, S, 64]))];
  expect(typeText(g.op("matmul", { x, y, transpose_y: true }).type)).toBe("tensor<fp32, [B, 12, S, S]>");
  expect(refusal(() => g.op("matmul", { x, y }))).toContain("inner dimensions");
  expect(typeText(g.op("matmul", { x: g.input("v", float32([64])), y: g.input("m", float32([2, 64, 3])) }).type)).toBe(
    "tensor<fp32, [2, 3]>",
  );
});

test("sizes of windows", () => {
  const g = new Graph();
  const x = g.input("x", float32([1, 3, S, 7]));
  const window = { kernel_sizes: [3, 3], strides: [2, 2] };
  expect(typeText(g.op("max_pool", { x, ...window, pad_type: "custom", pad: [1, 1, 1, 1] }).type)).toBe(
    "tensor<fp32, [1, 3, floor((S + 1)/2), 4]>",
  );
  expect(typeText(g.op("avg_pool", { x, ...window, pad_type: "same" }).type)).toBe(
    "tensor<fp32, [1, 3, floor((S + 1)/2), 4]>",
  );
  const small = g.input("small", float32([1, 3, 5, 7]));
  const pooled = g.op("max_pool", {
    x: small,
    kernel_sizes: [2, 2],
    strides: [2, 2],
    pad_type: "custom",
    pad: [1, 1, 1, 1],
    ceil_mode: true,
  });
  // A fourth window over 5 entries, or a fifth over 7, would start in the padding behind them.
  expect(typeText(pooled.type)).toBe("tensor<fp32, [1, 3, 3, 4]>");
  const weight = g.data("fp32", Array(18).fill(1), [3, 2, 3]);
  const line = g.input("line", float32([1, 3, S]));
  expect(typeText(g.op("conv_transpose", { x: line, weight, strides: [2] }).type)).toBe(
    "tensor<fp32, [1, 2, 2*S + 1]>",
  );
  expect(typeText(g.op("conv_transpose", { x: line, weight, strides: [2], pad_type: "same" }).type)).toBe(
    "tensor<fp32, [1, 2, 2*S]>",
  );
});

test("a slice update of a size known only at run time is accepted, one of another known size is not", () => {
  const g = new Graph();
  const [x, begin, end] = [
    g.input("x", float32([1, 512, 4])),
    g.input("begin", int32([3])),
    g.input("end", int32([3])),
  ];
  const update = g.input("update", float32([1, 1, 4]));
  expect(typeText(g.op("slice_update", { x, update, begin, end }).type)).toBe("tensor<fp32, [1, 512, 4]>");
  expect(refusal(() => g.op("slice_update", { x, update, begin: [0, 0, 0], end: [1, 2, 4] }))).toContain(
    "sizes of the slice",
  );
});

test("one key per query and value, and a mask no wider than the scores", () => {
  const g = new Graph();
  const total = addDims(P, S);
  const [query, key, value] = [
    g.input("q", float32([1, 12, S, 64])),
    g.input("k", float32([1, 12, total, 64])),
    g.input("v", float32([1, 12, total, 32])),
  ];
  const attn_mask = g.input("mask", float32([1, 1, S, total]));
  expect(typeText(g.op("scaled_dot_product_attention", { query, key, value, attn_mask }).type)).toBe(
    "tensor<fp32, [1, 12, S, 32]>",
  );
  expect(
    refusal(() =>
      g.op("scaled_dot_product_attention", { query, key, value, attn_mask: g.input("narrow", float32([1, 1, S, 1])) }),
    ),
  ).toContain("last dimension of the mask");
});

test("parameters and dtypes that a target lacks are refused", () => {
  expect(refusal(() => new Graph("iOS15").op("fill_like", { ref_tensor: 1 }))).toContain("needs iOS16");
  const old = new Graph("iOS16");
  expect(refusal(() => old.op("cast", { x: old.input("x", float32([2])), dtype: "int8" }))).toContain("int8");
  const clip = (g: Graph): string => refusal(() => g.op("clip", { x: g.input("x", float32([2])), alpha: 1, beta: 1 }));
  expect([clip(new Graph("iOS16")), clip(new Graph("iOS17"))]).toEqual([
    "accepted",
    expect.stringContaining("not below"),
  ]);
});

test("epsilon shares x's dtype before iOS17 and may be fp32 from then on", () => {
  const epsilonOf = (target: Target): string => {
    const g = new Graph(target);
    const y = g.op("rsqrt", { x: g.input("x", tensorType("fp16", [2])), epsilon: 1e-6 });
    const { nodes } = g.finish("main", new Map([["y", y]])).body;
    const epsilon = nodes.find((n) => n.op === "rsqrt")?.inputs.get("epsilon") as Value | undefined;
    return epsilon ? typeText(epsilon.type) : "absent";
  };
  expect([epsilonOf("iOS16"), epsilonOf("iOS17")]).toEqual(["fp16", "fp32"]);
});

test("sizes of rearrangements", () => {
  const g = new Graph();
  const x = g.input("x", float32([B, 12, S, mulDims(2, S)]));
  expect(typeText(g.op("pixel_shuffle", { x, upscale_factor: 2 }).type)).toBe("tensor<fp32, [B, 3, 2*S, 4*S]>");
  expect(refusal(() => g.op("pixel_shuffle", { x, upscale_factor: 5 }))).toContain("12 does not divide");
  expect(
    typeText(g.op("sliding_windows", { x: g.input("y", float32([16, 2])), axis: 0, size: 4, stride: 3 }).type),
  ).toBe("tensor<fp32, [5, 4, 2]>");
  expect(typeText(g.op("flatten2d", { x, axis: -2 }).type)).toBe("tensor<fp32, [12*B, 2*S*S]>");
  expect(
    typeText(
      g.op("upsample_bilinear", {
        x: g.input("z", float32([1, 1, 4, S])),
        scale_factor_height: 1.5,
        scale_factor_width: 2,
      }).type,
    ),
  ).toBe("tensor<fp32, [1, 1, 6, 2*S]>");
});
