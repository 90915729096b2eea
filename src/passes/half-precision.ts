import { Builder } from "../mil/builder.ts";
import { numbersOf } from "../mil/constants.ts";
import { rowOf } from "../mil/infer.ts";
import { at } from "../mil/opset.ts";
import type { Param } from "../mil/params.ts";
import { type Argument, argumentValues, type Block, type Func, type Node, Value } from "../mil/program.ts";
import { type OpTable, paramsOf, type Row } from "../mil/row.ts";
import type { CastStatistics } from "../tensor/cast-statistics.ts";
import { halfBits, halfValue } from "../tensor/half.ts";
import { tensorOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { cast } from "../tensor/views.ts";

/** The smallest positive half: what a value that would become 0 (an epsilon of 1e-12) is raised to. */
const LEAST = 2 ** -24;
/** The largest finite half: an operation with a larger finite constant stays in float32. */
const LARGEST = 65504;

/** Told of each weight that is cast, when it is read. `name` is the value's. */
export type OnCast = (name: string, statistics: CastStatistics) => void;

/**
 * Computes in fp16: float inputs are cast at the top, weights when they are written, outputs back at the bottom.
 * What an operation must not do in fp16 is data of its row; nodes that `keep` fp32 are left alone.
 */
export function halfPrecision(func: Func, table: OpTable, onCast?: OnCast): Func {
  return new Halving(func, table, onCast).run();
}

class Halving {
  private readonly func: Func;
  private readonly table: OpTable;
  private readonly onCast: OnCast | undefined;
  private readonly builder: Builder;
  /** A value of the old function in each of the precisions it exists in. */
  private readonly full = new Map<Value, Value>();
  private readonly half = new Map<Value, Value>();

  constructor(func: Func, table: OpTable, onCast: OnCast | undefined) {
    this.func = func;
    this.table = table;
    this.onCast = onCast;
    this.builder = new Builder(func.target, table);
  }

  run(): Func {
    const { func, builder } = this;
    for (const v of func.inputs) this.full.set(v, builder.input(v.name, v.type));
    this.visit(func.body);
    const outputs = func.body.outputs.map((v) => [v.name, this.inFull(v, v.name)] as const);
    return builder.finish(func.name, new Map(outputs));
  }

  private visit(block: Block): void {
    for (const node of block.nodes) if (node.op !== "const") this.rebuild(node);
  }

  private rebuild(node: Node): void {
    const row = rowOf(this.table, node.op, node.name);
    const stays = row.half === "fp32" || node.keep === "fp32" || this.exceeds(node);
    const given: Record<string, Argument> = {};
    for (const p of paramsOf(row)) {
      const arg = node.inputs.get(p.name);
      if (arg === undefined) continue;
      const convert = (v: Value): Value => (stays || this.staysFull(row, p, node) ? this.inFull(v) : this.inHalf(v));
      given[p.name] = arg instanceof Value ? convert(arg) : arg.map(convert);
    }
    const blocks = node.blocks.map((b) => this.inside(b));
    const emit = (): readonly Value[] => this.builder.emit(node.op, given, { name: node.name, blocks });
    const outputs = node.keep ? this.builder.inFloat32(emit) : emit();
    node.outputs.forEach((v, i) => {
      const made = outputs[i] as Value;
      const isHalf = made.type.kind === "tensor" && made.type.dtype === "fp16";
      (isHalf ? this.half : this.full).set(v, made);
    });
  }

  /** A block, in which the loop's values stay as they are. What it casts is not seen outside. */
  private inside(block: Block): Block {
    const outside = [this.full, this.half].map((known) => [known, [...known]] as const);
    const made = this.builder.block((inputs) => {
      block.inputs.forEach((v, i) => {
        this.full.set(v, inputs[i] as Value);
      });
      this.visit(block);
      return block.outputs.map((v) => this.inFull(v));
    }, block.inputs);
    for (const [known, before] of outside) {
      known.clear();
      for (const [v, precise] of before) known.set(v, precise);
    }
    return made;
  }

  /** A constant beyond what half precision holds, infinities aside: the operation is left in float32. */
  private exceeds(node: Node): boolean {
    return [...node.inputs.values()].flatMap(argumentValues).some((v) => {
      const isSmall = v.type.kind === "tensor" && v.type.dtype === "fp32" && v.type.shape.every((d) => d === 1);
      const [value = 0] = (isSmall && numbersOf(v)) || [];
      return Number.isFinite(value) && Math.abs(value) > LARGEST;
    });
  }

  /** A scalar with a dtype domain of its own (`epsilon` from iOS17 on) keeps all its digits. */
  private staysFull(row: Row, p: Param, node: Node): boolean {
    const domain = at(p.dtypes, this.func.target);
    if (p.form !== "scalar" || typeof domain !== "string") return false;
    return !paramsOf(row).some(
      (other) =>
        other !== p &&
        other.form !== "scalar" &&
        node.inputs.has(other.name) &&
        at(other.dtypes, this.func.target) === domain,
    );
  }

  private inFull(v: Value, name?: string): Value {
    const known = this.full.get(v);
    if (known) return known;
    const half = this.half.get(v);
    const made = half
      ? (this.builder.emit("cast", { x: half, dtype: "fp32" }, { name: name ?? `${v.name}_to_fp32` })[0] as Value)
      : this.constant(v, v.name);
    this.full.set(v, made);
    return made;
  }

  private inHalf(v: Value): Value {
    if (v.type.kind !== "tensor" || v.type.dtype !== "fp32") return this.inFull(v);
    const known = this.half.get(v);
    if (known) return known;
    const made = v.constant
      ? this.halved(v)
      : (this.builder.emit("cast", { x: this.inFull(v), dtype: "fp16" }, { name: `${v.name}_to_fp16` })[0] as Value);
    this.half.set(v, made);
    return made;
  }

  private constant(v: Value, name: string): Value {
    if (v.literal) return v;
    if (v.constant?.kind === "tensor" && v.type.kind === "tensor" && v.type.shape.length > 0)
      return this.builder.weight(v.constant.data, name);
    return this.builder.constant(v, name);
  }

  private halved(v: Value): Value {
    if (v.constant?.kind !== "tensor") throw new TypeError(`${v.name} is not constant`);
    const { data } = v.constant;
    if (data.shape.length === 0) {
      const [value = 0] = numbersOf(v) ?? [];
      const rounded = halfValue(halfBits(value));
      const kept = rounded === 0 && value !== 0 ? Math.sign(value) * LEAST : rounded;
      return this.builder.constant(
        new Value(v.name, { ...v.type, dtype: "fp16" } as Value["type"], {
          constant: { kind: "tensor", data: tensorOf("fp16", [], [kept], `${data.key}|fp16`) },
        }),
        v.name,
      );
    }
    return this.builder.weight(this.castWeight(data, v.name), v.name);
  }

  private castWeight(data: LazyTensor, name: string): LazyTensor {
    return cast(data, "fp16", (statistics) => this.onCast?.(name, statistics));
  }
}
