import { nodeText } from "../mil/print.ts";
import {
  type Argument,
  allNodes,
  argumentValues,
  type Block,
  type Func,
  type Node,
  type Value,
} from "../mil/program.ts";
import type { OpTable } from "../mil/row.ts";
import { type Alignable, align } from "./align.ts";
import type { OperationLine, OperationsDifference } from "./difference.ts";
import { groupBy } from "./group-by.ts";
import { type Correspondence, changesOfNode, isSameConstant } from "./node-changes.ts";
import { plainName } from "./pair-weights.ts";
import type { FunctionWeights, Weight } from "./weights.ts";

/** A function, its weights, and the operations that are compared. */
export interface Side {
  readonly func: Func;
  readonly weights: FunctionWeights;
  readonly nodes: readonly Node[];
}

export const sideOf = (func: Func, weights: FunctionWeights): Side => ({
  func,
  weights,
  nodes: [...allNodes(func.body)].filter((n) => n.op !== "const" && !weights.isDecoder(n)),
});

/**
 * How often each operation stands in two functions, and which ones were added, removed or changed. Operations
 * correspond by the weights they use, by their order, and by what they take; names decide where these do not.
 * @param counterpart the weight of `b` that a weight of `a` became
 */
export function compareOperations(
  a: Side,
  b: Side,
  counterpart: ReadonlyMap<Weight, Weight>,
  table: OpTable,
): OperationsDifference {
  const identities = identitiesOf(a, b, counterpart);
  const pairs = alignedNodes(a, b, identities);
  const [pairedA, pairedB] = [new Set(pairs.map(([x]) => x)), new Set(pairs.map(([, y]) => y))];
  const removed = a.nodes.filter((n) => !pairedA.has(n));
  const added = b.nodes.filter((n) => !pairedB.has(n));
  const correspondence = correspond(a, b, pairs, identities, { removed, added });
  const changed = pairs.flatMap(([x, y]) => {
    const fields = changesOfNode(x, y, [a.func.target, b.func.target], table, correspondence);
    return fields.length > 0 ? [{ op: x.op, name: nameOf(x), nameInB: nameOf(y), fields }] : [];
  });
  const outputs = outputChanges(a.func.body, b.func.body, correspondence);
  return {
    count: { a: a.nodes.length, b: b.nodes.length },
    histogram: histogramOf(a.nodes, b.nodes),
    added: added.map(lineOf),
    removed: removed.map(lineOf),
    changed: [...changed, ...outputs],
    renamed: pairs.filter(([x, y]) => nameOf(x) !== nameOf(y)).length,
  };
}

/** A function that only one package has: how many operations, and which. */
export function countOperations(side: Side, isAdded: boolean): OperationsDifference {
  const [a, b] = isAdded ? [[], side.nodes] : [side.nodes, []];
  return {
    count: { a: a.length, b: b.length },
    histogram: histogramOf(a, b),
    added: [],
    removed: [],
    changed: [],
    renamed: 0,
  };
}

const nameOf = (n: Node): string => n.outputs[0]?.name ?? n.name;
const lineOf = (n: Node): OperationLine => ({ op: n.op, name: nameOf(n), text: nodeText(n) });

function histogramOf(a: readonly Node[], b: readonly Node[]): OperationsDifference["histogram"] {
  const [inA, inB] = [a, b].map((nodes) => groupBy(nodes, (n) => n.op));
  const operations = [...new Set([...(inA?.keys() ?? []), ...(inB?.keys() ?? [])])].sort();
  return operations
    .map((op) => ({ op, a: inA?.get(op)?.length ?? 0, b: inB?.get(op)?.length ?? 0 }))
    .filter((row) => row.a !== row.b);
}

/** A name for each weight, the same for two that correspond. */
function identitiesOf(a: Side, b: Side, counterpart: ReadonlyMap<Weight, Weight>): ReadonlyMap<Value, string> {
  const identities = new Map<Value, string>();
  const numbers = new Map<Weight, number>();
  for (const [x, y] of counterpart) {
    const number = numbers.size;
    numbers.set(x, number);
    numbers.set(y, number);
  }
  for (const side of [a, b]) {
    for (const [value, weight] of side.weights.byValue) {
      const number = numbers.get(weight);
      identities.set(value, number === undefined ? `${side === a ? "a" : "b"} ${weight.name}` : `weight ${number}`);
    }
  }
  return identities;
}

type NodePair = readonly [a: Node, b: Node];

function alignedNodes(a: Side, b: Side, identities: ReadonlyMap<Value, string>): readonly NodePair[] {
  const pairs = align(alignable(a, identities), alignable(b, identities)).map(
    ([i, j]): NodePair => [a.nodes[i] as Node, b.nodes[j] as Node],
  );
  // What is left may have moved: an operation of the same name, when there is only one.
  const [pairedA, pairedB] = [new Set(pairs.map(([x]) => x)), new Set(pairs.map(([, y]) => y))];
  const keyOf = (n: Node): string => `${n.op} ${plainName(nameOf(n))}`;
  const left = groupBy(
    a.nodes.filter((n) => !pairedA.has(n)),
    keyOf,
  );
  const right = groupBy(
    b.nodes.filter((n) => !pairedB.has(n)),
    keyOf,
  );
  const moved = [...left].flatMap(([key, [x, ...more]]): NodePair[] => {
    const [y, ...others] = right.get(key) ?? [];
    return x && y && more.length + others.length === 0 ? [[x, y]] : [];
  });
  return [...pairs, ...moved];
}

function alignable({ nodes, func, weights }: Side, identities: ReadonlyMap<Value, string>): readonly Alignable[] {
  const producers = new Map(nodes.flatMap((n) => n.outputs.map((v) => [v, n] as const)));
  const inputs = new Set(func.inputs);
  const sourceOf = (v: Value): string => {
    const source = seenThrough(v, producers);
    const weight = identities.get(source);
    if (weight !== undefined) return weight;
    if (source.constant) return "constant";
    return inputs.has(source) ? `input ${source.name}` : (producers.get(source)?.op ?? "block");
  };
  const bytesOf = (v: Value): number => weights.byValue.get(v)?.bytes ?? 0;
  return nodes.map((n) => {
    // The largest weight: a bias of zeros may be that of another operation.
    const [largest] = [...n.inputs.values()]
      .flatMap(argumentValues)
      .filter((v) => weights.byValue.has(v))
      .sort((x, y) => bytesOf(y) - bytesOf(x));
    const sources = [...n.inputs].map(([key, arg]) => `${key}: ${argumentValues(arg).map(sourceOf).join(", ")}`);
    return {
      kind: `${n.op} ${n.blocks.length}`,
      mark: largest && `${n.op} ${identities.get(largest)}`,
      traits: [sources.sort().join("; "), plainName(nameOf(n))],
    };
  });
}

/** Where a value comes from when casts are left out. */
function seenThrough(v: Value, producers: ReadonlyMap<Value, Node>): Value {
  let source = v;
  for (let node = producers.get(source); node?.op === "cast"; node = producers.get(source)) {
    const [x] = argumentValues(node.inputs.get("x") as Argument);
    if (!x) break;
    source = x;
  }
  return source;
}

/** Which value of `b` is which of `a`; a cast that only one side has changes nothing about what follows it. */
function correspond(
  a: Side,
  b: Side,
  pairs: readonly NodePair[],
  identities: ReadonlyMap<Value, string>,
  { removed, added }: { readonly removed: readonly Node[]; readonly added: readonly Node[] },
): Correspondence {
  const counterpart = new Map<Value, Value>();
  const bind = (x: readonly Value[], y: readonly Value[]): void =>
    x.forEach((v, i) => {
      const other = y[i];
      if (other) counterpart.set(v, other);
    });
  const byName = new Map(b.func.inputs.map((v) => [v.name, v]));
  for (const v of a.func.inputs) {
    const other = byName.get(v.name);
    if (other) counterpart.set(v, other);
  }
  for (const [x, y] of pairs) {
    bind(x.outputs, y.outputs);
    x.blocks.forEach((block, i) => {
      bind(block.inputs, y.blocks[i]?.inputs ?? []);
    });
  }
  const lone = (nodes: readonly Node[]): ReadonlyMap<Value, Node> =>
    new Map(nodes.filter((n) => n.op === "cast").flatMap((n) => n.outputs.map((v) => [v, n] as const)));
  const [loneA, loneB] = [lone(removed), lone(added)];
  return (x, y) => {
    const [left, right] = [seenThrough(x, loneA), seenThrough(y, loneB)];
    const weight = identities.get(left);
    if (weight !== undefined) return weight === identities.get(right);
    if (left.constant && right.constant) return isSameConstant(left, right);
    return counterpart.get(left) === right;
  };
}

/** Which values a function gives, where they are not those that correspond. */
function outputChanges(a: Block, b: Block, isSame: Correspondence): OperationsDifference["changed"] {
  const inB = new Map(b.outputs.map((v) => [v.name, v]));
  return a.outputs.flatMap((v) => {
    const other = inB.get(v.name);
    if (!other || isSame(v, other)) return [];
    return [
      { op: "output", name: v.name, nameInB: other.name, fields: [{ field: "value", a: v.name, b: other.name }] },
    ];
  });
}
