import { Call } from "../mil/call.ts";
import { numbersOf } from "../mil/constants.ts";
import type { Dim } from "../mil/dim.ts";
import { rowOf } from "../mil/infer.ts";
import type { Target } from "../mil/opset.ts";
import type { Literal } from "../mil/params.ts";
import { argumentText } from "../mil/print.ts";
import { type Argument, argumentValues, type Node, type Value } from "../mil/program.ts";
import { type OpTable, paramsOf } from "../mil/row.ts";
import { type Type, typeText } from "../mil/types.ts";
import { strict } from "../mil/unify.ts";
import { roundToHalf } from "../tensor/half.ts";
import type { FieldChange } from "./difference.ts";

/** Whether a value of one program is that of the other. */
export type Correspondence = (a: Value, b: Value) => boolean;

/** What is not the same about two nodes of one operation: parameters, blocks' results, dtypes and shapes of results. */
export function changesOfNode(
  a: Node,
  b: Node,
  [targetA, targetB]: readonly [Target, Target],
  table: OpTable,
  isSame: Correspondence,
): readonly FieldChange[] {
  const parameters = [...new Set([...a.inputs.keys(), ...b.inputs.keys()])];
  return [
    ...parameters.flatMap((field): FieldChange[] => {
      const [x, y] = [a.inputs.get(field), b.inputs.get(field)];
      if (x && y) return areSame(x, y, isSame) ? [] : [{ field, a: argumentText(x), b: argumentText(y) }];
      const [given, node, target] = x ? [x, b, targetB] : [y as Argument, a, targetA];
      if (isDefault(given, field, node, target, table)) return [];
      return [{ field, a: x ? argumentText(x) : null, b: y ? argumentText(y) : null }];
    }),
    ...a.blocks.flatMap((block, i): FieldChange[] => {
      const [x, y] = [block.outputs, b.blocks[i]?.outputs ?? []];
      return areSame(x, y, isSame) ? [] : [{ field: `block ${i}`, a: argumentText(x), b: argumentText(y) }];
    }),
    ...a.outputs.flatMap((v, i): FieldChange[] => typeChanges(v.type, b.outputs[i]?.type)),
  ];
}

function areSame(a: Argument, b: Argument, isSame: Correspondence): boolean {
  const [x, y] = [argumentValues(a), argumentValues(b)];
  return x.length === y.length && x.every((v, i) => isSame(v, y[i] as Value));
}

/** Whether a parameter says no more than is meant where it is left out. */
function isDefault(given: Argument, field: string, node: Node, target: Target, table: OpTable): boolean {
  const row = rowOf(table, node.op, node.name);
  const [value, ...more] = argumentValues(given);
  if (!value || more.length > 0 || !paramsOf(row).some((p) => p.name === field)) return false;
  const meant: Literal | undefined = new Call(row, target, node.inputs, node.blocks, strict()).defaultOf(field);
  if (typeof meant === "string") return value.constant?.kind === "strings" && value.constant.values[0] === meant;
  return meant !== undefined && String(numbersOf(value)) === String([meant].flat().map(Number));
}

/** Equal strings or numbers; a number is also equal to the half it was rounded to. */
export function isSameConstant(a: Value, b: Value): boolean {
  if (a.constant?.kind === "strings" || b.constant?.kind === "strings") {
    const texts = [a, b].map((v) => (v.constant?.kind === "strings" ? JSON.stringify(v.constant.values) : undefined));
    return texts[0] === texts[1];
  }
  const [x, y] = [numbersOf(a) ?? [], numbersOf(b) ?? []];
  const [isHalfA, isHalfB] = [a, b].map((v) => v.type.kind === "tensor" && v.type.dtype === "fp16");
  const same = (p: number, q: number): boolean =>
    Object.is(p, q) || p === q || (isHalfB && roundToHalf(p) === q) || (isHalfA && roundToHalf(q) === p) || false;
  return shapeText(a.type) === shapeText(b.type) && x.length === y.length && x.every((p, i) => same(p, y[i] as number));
}

function typeChanges(a: Type, b: Type | undefined): FieldChange[] {
  if (!b) return [{ field: "result", a: typeText(a), b: null }];
  if (a.kind !== "tensor" || b.kind !== "tensor") {
    return typeText(a) === typeText(b) ? [] : [{ field: "type", a: typeText(a), b: typeText(b) }];
  }
  return [
    ...(a.dtype === b.dtype ? [] : [{ field: "result dtype", a: a.dtype, b: b.dtype }]),
    ...(shapeText(a) === shapeText(b) ? [] : [{ field: "result shape", a: shapeText(a), b: shapeText(b) }]),
  ];
}

const shapeText = (t: Type): string => (t.kind === "tensor" ? `[${t.shape.map(dimText).join(", ")}]` : typeText(t));

/** Lengths that the wire does not name got numbered names when they were read: the numbers say nothing. */
const dimText = (d: Dim): string => (typeof d === "number" ? String(d) : d.text.replace(/\bsize(_\d+)?\b/g, "?"));
