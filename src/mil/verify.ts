import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import { equalDims } from "./dim.ts";
import { inferNode, rowOf } from "./infer.ts";
import { allNodes, argumentValues, type Block, type Func, type Node, type Program, type Value } from "./program.ts";
import type { OpTable, Result } from "./row.ts";
import { type Type, typeText } from "./types.ts";
import { type Unifier, unification } from "./unify.ts";

/** How many broken nodes are listed before the rest is only counted. */
const MAX_LISTED = 20;

/**
 * Checks a program against the table: every value defined once and before it is used, every node's results of the types
 * its row infers. Types and contents of values become the inferred ones, with lengths unified where operations demand it.
 * @param names `unique`, or `hiding` where a name may be defined again and then hides what had it before: coremltools
 *   writes that without its passes
 * @throws ConversionError listing every broken node
 */
export function verify(
  program: Program,
  table: OpTable,
  unifier: Unifier = unification(),
  names: "unique" | "hiding" = "unique",
): void {
  const problems: Diagnostic[] = [];
  for (const func of program.functions.values()) verifyFunction(func, table, unifier, names, problems);
  if (problems.length > 0) {
    const more = problems.length - MAX_LISTED;
    const rest: Diagnostic[] = more > 0 ? [{ code: "op.more", severity: "error", message: `and ${more} more` }] : [];
    throw new ConversionError("unsupported", [...problems.slice(0, MAX_LISTED), ...rest]);
  }
}

function verifyFunction(
  func: Func,
  table: OpTable,
  unifier: Unifier,
  names: "unique" | "hiding",
  problems: Diagnostic[],
): void {
  type Scope = Map<string, Value>;
  // Blocks beside each other may use the same names (the two of a while_loop do), a block and those around it may not.
  const define = (scope: Scope, v: Value, where: string): void => {
    if (names === "unique" && scope.has(v.name))
      problems.push({ code: "program.name", severity: "error", path: where, message: `'${v.name}' is defined twice` });
    scope.set(v.name, v);
  };
  const use = (scope: Scope, v: Value, where: string): void => {
    if (v.literal || scope.get(v.name) === v) return;
    problems.push({
      code: "program.undefined",
      severity: "error",
      path: where,
      message: `'${v.name}' is used before it is defined`,
    });
  };
  const visit = (block: Block, scope: Scope): void => {
    for (const v of block.inputs) define(scope, v, func.name);
    for (const node of block.nodes) {
      for (const arg of node.inputs.values()) for (const v of argumentValues(arg)) use(scope, v, node.name);
      for (const inner of node.blocks) visit(inner, new Map(scope));
      if (node.op !== "const") {
        try {
          adopt(node, inferNode(rowOf(table, node.op, node.name), node, func.target, unifier), unifier);
        } catch (cause) {
          if (!(cause instanceof ConversionError)) throw cause;
          problems.push(...cause.diagnostics);
        }
      }
      for (const v of node.outputs) define(scope, v, node.name);
    }
    for (const v of block.outputs) use(scope, v, func.name);
  };
  const top: Scope = new Map();
  for (const v of func.inputs) define(top, v, func.name);
  visit(func.body, top);
  const nodes = [...allNodes(func.body)];
  const inner = nodes.flatMap((n) => [...n.outputs, ...n.blocks.flatMap((b) => b.inputs)]);
  for (const v of [...func.inputs, ...inner]) settle(v, unifier);
}

/** Compares what a node declares with what its row infers, and takes the inferred types over. */
function adopt(node: Node, results: readonly Result[], unifier: Unifier): void {
  const broken = (message: string): never => {
    throw new ConversionError("unsupported", [
      { code: "op.type", severity: "error", path: node.name, message: `${node.op}: ${message}` },
    ]);
  };
  if (results.length !== node.outputs.length) broken(`declares ${node.outputs.length} results, has ${results.length}`);
  results.forEach(({ type, content }, i) => {
    const out = node.outputs[i] as Value;
    if (!agrees(out.type, type, unifier))
      broken(`'${out.name}' is declared ${typeText(out.type)}, inferred ${typeText(type)}`);
    out.type = type;
    out.content = content;
  });
}

function agrees(declared: Type, inferred: Type, unifier: Unifier): boolean {
  if (declared.kind !== "tensor" || inferred.kind !== "tensor") return typeText(declared) === typeText(inferred);
  if (declared.dtype !== inferred.dtype || declared.shape.length !== inferred.shape.length) return false;
  return inferred.shape.every((d, i) => unifier.equal(d, declared.shape[i] ?? -1) !== undefined);
}

/** Lengths that were solved for are replaced by their solutions. */
function settle(v: Value, unifier: Unifier): void {
  if (v.type.kind === "tensor") {
    const shape = v.type.shape.map((d) => unifier.resolve(d));
    if (shape.some((d, i) => !equalDims(d, (v.type as typeof v.type & { shape: typeof shape }).shape[i] ?? -1)))
      v.type = { ...v.type, shape };
  }
  v.content = v.content?.map((d) => unifier.resolve(d));
}
