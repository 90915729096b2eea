import { elementCount } from "../tensor/dtype.ts";
import { numbersOf } from "./constants.ts";
import { type Argument, argumentValues, type Block, type Func, type Node, type Program, Value } from "./program.ts";
import { typeText } from "./types.ts";

/** Constants of at most this many elements are printed where they are used. */
const MAX_INLINE = 8;

/** Stable MIL-like text: parameters and short constants in place, weights as lines of their own. */
export const print = (program: Program): string => [...program.functions.values()].map(printFunction).join("\n");

function printFunction(func: Func): string {
  const inputs = func.inputs.map((v) => `${v.name}: ${typeText(v.type)}`);
  return `func ${func.name}<${func.target}>(${inputs.join(", ")}) {\n${printBlock(func.body, "  ")}} -> (${func.body.outputs.map((v) => v.name).join(", ")})\n`;
}

function printBlock(block: Block, indent: string): string {
  return block.nodes.map((n) => printNode(n, indent)).join("");
}

function printNode(node: Node, indent: string): string {
  if (node.op === "const") {
    const [v] = node.outputs as [Value];
    return isInline(v) ? "" : `${indent}${v.name}: ${typeText(v.type)} = const(${constantText(v)})\n`;
  }
  const blocks = node.blocks.map((b) => {
    const inputs = b.inputs.map((v) => `${v.name}: ${typeText(v.type)}`).join(", ");
    const results = b.outputs.map((v) => v.name).join(", ");
    return `${indent}${inputs ? `(${inputs}) ` : ""}{\n${printBlock(b, `${indent}  `)}${indent}} -> (${results})\n`;
  });
  return `${indent}${nodeText(node)}\n${blocks.join("")}`;
}

/** One line for an operation, without its blocks: `y: tensor<fp32, [1, 4]> = add(x = a, y = b)`. */
export function nodeText(node: Node): string {
  const outputs = node.outputs.map((v) => `${v.name}: ${typeText(v.type)}`).join(", ");
  const args = [...node.inputs].map(([name, arg]) => `${name} = ${argumentText(arg)}`).join(", ");
  const keep = node.keep ? ` keep ${node.keep}` : "";
  return `${outputs ? `${outputs} = ` : ""}${node.op}(${args})${keep}`;
}

/** What a parameter is bound to: short constants as they are, values by name, several of them in parentheses. */
export const argumentText = (arg: Argument): string =>
  arg instanceof Value ? valueText(arg) : `(${argumentValues(arg).map(valueText).join(", ")})`;

const valueText = (v: Value): string => (v.constant && (v.literal || isInline(v)) ? constantText(v) : v.name);

function isInline(v: Value): boolean {
  if (!v.constant) return false;
  if (v.constant.kind === "strings") return true;
  return elementCount(v.constant.data.shape) <= MAX_INLINE && v.constant.data.shape.length <= 1;
}

function constantText(v: Value): string {
  const { constant } = v;
  if (!constant) return v.name;
  if (constant.kind === "strings") {
    const quoted = constant.values.map((s) => JSON.stringify(s));
    return v.type.kind === "list" ? `[${quoted.join(", ")}]` : (quoted[0] ?? '""');
  }
  const { data } = constant;
  if (!isInline(v)) return data.key;
  const isFlag = data.dtype === "bool";
  const values = (numbersOf(v) ?? []).map((n) => (isFlag ? String(n !== 0) : numberText(n)));
  return data.shape.length === 0 ? (values[0] ?? "") : `[${values.join(", ")}]`;
}

/** Shortest text that reads back as the same fp32 number. */
function numberText(n: number): string {
  if (!Number.isFinite(n) || Number.isSafeInteger(n)) return String(n);
  for (let digits = 1; digits <= 9; digits++) {
    const text = Number(n.toPrecision(digits));
    if (Math.fround(text) === Math.fround(n)) return String(text);
  }
  return String(n);
}
