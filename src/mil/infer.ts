import { fail } from "../diagnostics.ts";
import { Call, checkArguments, Refusal } from "./call.ts";
import type { Target } from "./opset.ts";
import { argumentValues, type Node } from "./program.ts";
import type { OpTable, Result, Row } from "./row.ts";
import { typeText } from "./types.ts";
import type { Unifier } from "./unify.ts";

/** @throws ConversionError `op.unknown` for an operation the table has no row for. */
export function rowOf(table: OpTable, op: string, where: string): Row {
  return Object.hasOwn(table, op)
    ? (table[op] as Row)
    : fail("unsupported", "op.unknown", `operation '${op}' has no row`, { path: where });
}

/**
 * The results of a node by its row's rule.
 * @throws ConversionError `op.invalid`, naming node, argument types and the row's reason.
 */
export function inferNode(
  row: Row,
  node: Pick<Node, "name" | "inputs" | "blocks">,
  target: Target,
  unifier: Unifier,
): readonly Result[] {
  const call = new Call(row, target, node.inputs, node.blocks, unifier);
  return explained(call, node.name, () => {
    checkArguments(call);
    return row.infer(call);
  });
}

/** Runs `body` and turns a row's refusal into a diagnostic that shows the whole call. */
export function explained<T>(call: Call, name: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    const args = [...call.args].map(
      ([key, arg]) =>
        `${key}: ${argumentValues(arg)
          .map((v) => typeText(v.type))
          .join(", ")}`,
    );
    return fail("unsupported", "op.invalid", `${call.row.name}(${args.join("; ")}): ${cause.message}`, { path: name });
  }
}
