import { modelMessage } from "../../src/coreml/schema.ts";
import type { WireBlock, WireModel, WireOperation, WireType } from "../../src/coreml/wire.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { escapingPaths, extremeNumbers, texts } from "./extremes.ts";
import { mutateWire } from "./mutate-wire.ts";
import type { Random } from "./random.ts";

const opNames = [...Object.keys(ops), "const", "custom_layer", "toString"];
const opsets = ["CoreML5", "CoreML6", "CoreML7", "CoreML8", "CoreML9", "CoreML4", ""];
/** Codes of MIL's element types, and some that are none. */
const dataTypes = [
  0, 1, 2, 10, 11, 12, 13, 21, 22, 23, 24, 25, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 65568, 131104, 65552, 65600,
  131080, -1,
];
const MOST_COPIES = 40;

/** A value of the message, with the object or list that holds it. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  readonly value: unknown;
}

function placesOf(message: object): Place[] {
  const places: Place[] = [];
  const pending: object[] = [message];
  for (let at = pending.pop(); at; at = pending.pop()) {
    const holder = at as Record<string, unknown>;
    for (const [key, value] of Object.entries(holder)) {
      places.push({ holder, key, value });
      if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) pending.push(value);
    }
  }
  return places;
}

const decode = (bytes: Buffer): WireModel => {
  const type = modelMessage();
  return type.toObject(type.decode(bytes), { longs: Number }) as WireModel;
};

/** One to three changes to a model as a message: types, shapes, names, bindings, constants, blocks, order, interface. */
export function mutateMessage(bytes: Buffer, random: Random): Buffer {
  const message = decode(bytes);
  try {
    for (let left = 1 + random.below(3); left > 0; left--) {
      if (random.chance(0.35)) changeProgram(message, random);
      else changePlace(placesOf(message), random);
    }
    return Buffer.from(modelMessage().encode(message).finish());
  } catch {
    // What the changes left is no message any more, or nests deeper than the encoder goes.
    return mutateWire(bytes, random);
  }
}

function changePlace(places: readonly Place[], random: Random): void {
  const place = random.pick(places);
  const { holder, key, value } = place;
  const set = (to: unknown): void => {
    holder[key] = to;
  };
  if (random.chance(0.15)) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else if (Array.isArray(value) && random.chance(0.6)) changeList(value, random);
  else if (typeof value === "number") set(numberFor(key, value, random));
  else if (typeof value === "string") set(textFor(key, places, random));
  else if (typeof value === "boolean") set(!value);
  else if (value instanceof Uint8Array)
    set(value.map((b) => (random.chance(0.3) ? random.below(256) : b)).subarray(random.below(2)));
  else set(structuredClone(random.pick(places.filter((p) => p.key === key)).value));
}

function changeList(list: unknown[], random: Random): void {
  if (list.length === 0) return;
  const [i, j] = [random.below(list.length), random.below(list.length)];
  switch (random.below(4)) {
    case 0:
      list.splice(i, 1);
      break;
    case 1:
      list.splice(
        i,
        0,
        ...Array.from({ length: 1 + random.below(random.chance(0.1) ? MOST_COPIES : 2) }, () =>
          structuredClone(list[j]),
        ),
      );
      break;
    case 2:
      [list[i], list[j]] = [list[j], list[i]];
      break;
    default:
      list.length = random.below(list.length + 1);
  }
}

function numberFor(key: string, value: number, random: Random): number {
  if (key === "dataType") return random.pick(dataTypes);
  if (key === "specificationVersion") return random.pick([5, 6, 7, 8, 9, 10, 11, 0, -1]);
  if (key === "offset") return random.pick([0, 64, 128, value + 64, value - 64, value + 1, ...extremeNumbers]);
  const near = [value + 1, value - 1, -value, value * 2, Math.ceil(value / 2)];
  return random.pick(random.chance(0.6) ? near : [...extremeNumbers, Number.NaN, Number.POSITIVE_INFINITY, 1e-40, 0.5]);
}

function textFor(key: string, places: readonly Place[], random: Random): string {
  if (key === "type" && random.chance(0.8)) return random.pick(opNames);
  if (key === "opset" && random.chance(0.8)) return random.pick(opsets);
  if (key === "fileName") return `${random.pick(["@model_path/", ""])}${random.pick(escapingPaths)}`;
  // Mostly a name of the same program: a use before its definition, a cycle, two of one name.
  const names = places.map((p) => p.value).filter((v): v is string => typeof v === "string");
  return random.chance(0.7) ? random.pick(names) : random.pick(texts);
}

interface Blocks {
  readonly blocks: readonly WireBlock[];
  readonly operations: readonly WireOperation[];
}

function blocksOf(message: WireModel): Blocks {
  const pending = Object.values(message.mlProgram?.functions ?? {}).flatMap((f) =>
    Object.values(f.blockSpecializations ?? {}),
  );
  const blocks: WireBlock[] = [];
  for (let block = pending.pop(); block; block = pending.pop()) {
    blocks.push(block);
    pending.push(...(block.operations ?? []).flatMap((o) => o.blocks ?? []));
  }
  return { blocks, operations: blocks.flatMap((b) => b.operations ?? []) };
}

/** A change that keeps the message well formed and the program mostly so: it gets further before somebody must notice. */
function changeProgram(message: WireModel, random: Random): void {
  const { blocks, operations } = blocksOf(message);
  if (operations.length === 0) return;
  const [block, op, other] = [random.pick(blocks), random.pick(operations), random.pick(operations)];
  const bindings = operations.flatMap((o) => Object.values(o.inputs ?? {}).flatMap((a) => a.arguments ?? []));
  const types = operations.flatMap((o) => (o.outputs ?? []).map((v) => v));
  const functions = message.mlProgram?.functions ?? {};
  const inputs = Object.keys(op.inputs ?? {});
  switch (random.below(13)) {
    case 0:
      if (op.type !== "const") op.type = random.pick(opNames);
      break;
    case 1:
      if (bindings.length > 0) random.pick(bindings).name = random.pick(types).name ?? "";
      break;
    case 2:
      if (bindings.length > 0) Object.assign(random.pick(bindings), structuredClone(random.pick(bindings)));
      break;
    case 3:
      if (types.length > 0) random.pick(types).type = typeFor(random.pick(types).type ?? {}, random);
      break;
    case 4:
      if (inputs.length > 0 && op.inputs) delete op.inputs[random.pick(inputs)];
      break;
    case 5:
      if (inputs.length > 0 && op.inputs)
        op.inputs[random.pick(Object.keys(other.inputs ?? {}).concat(texts))] = op.inputs[random.pick(inputs)] ?? {};
      break;
    case 6:
      if (block.operations)
        block.operations.splice(random.below(block.operations.length + 1), 0, structuredClone(other));
      break;
    case 7:
      block.operations?.reverse();
      break;
    case 8:
      nestBlocks(op, block, random);
      break;
    case 9:
      block.outputs = [...(block.outputs ?? []), random.pick(types).name ?? ""];
      break;
    case 10:
      block.inputs = [...(block.inputs ?? []), structuredClone(random.pick(types))];
      break;
    case 11:
      functions[random.pick(["main", "other", "__proto__", ""])] = structuredClone(
        random.pick(Object.values(functions)),
      );
      break;
    default:
      resize(operations, random);
  }
}

/** One size wherever it stands in the program: types still agree with each other, not with the weights. */
function resize(operations: readonly WireOperation[], random: Random): void {
  const dimensions = operations.flatMap((o) => (o.outputs ?? []).flatMap((v) => v.type?.tensorType?.dimensions ?? []));
  const sizes = dimensions.map((d) => d.constant?.size).filter((n): n is number => typeof n === "number");
  if (sizes.length === 0) return;
  const [from, to] = [random.pick(sizes), random.pick([...extremeNumbers.filter((n) => n >= 0), random.pick(sizes)])];
  for (const d of dimensions) if (d.constant?.size === from) d.constant.size = to;
}

function typeFor(type: WireType, random: Random): WireType {
  const tensor = type.tensorType ?? { dataType: 11 };
  switch (random.below(8)) {
    case 0:
      return {
        listType: {
          type,
          length: random.pick([
            { unknown: {} },
            { constant: { size: random.pick(extremeNumbers.filter((n) => n >= 0)) } },
          ]),
        },
      };
    case 1:
      return { dictionaryType: { keyType: type, valueType: { tensorType: { dataType: 12 } } } };
    case 2:
      return { stateType: { wrappedType: type } };
    case 3:
      return { tupleType: { types: [type, type] } };
    case 4:
      return {
        tensorType: {
          ...tensor,
          dimensions: (tensor.dimensions ?? []).map(() => ({ unknown: { variadic: random.chance(0.5) } })),
        },
      };
    case 5:
      return { tensorType: { ...tensor, rank: 0, dimensions: [] } };
    case 6: {
      const dimensions = [...(tensor.dimensions ?? []), { constant: { size: random.pick([0, 1, 2, 2 ** 40]) } }];
      return { tensorType: { ...tensor, rank: dimensions.length, dimensions } };
    }
    default:
      return { tensorType: { ...tensor, dataType: random.pick(dataTypes) } };
  }
}

function nestBlocks(op: WireOperation, block: WireBlock, random: Random): void {
  let inner = structuredClone(block);
  if (JSON.stringify(inner).length > 20_000) inner = { operations: [], outputs: [] };
  for (let depth = random.pick([1, 2, 5, 30, 40]); depth > 0; depth--) {
    inner = { operations: [{ ...op, blocks: [inner, { operations: [], outputs: [] }] }], outputs: [] };
  }
  op.blocks = [...(op.blocks ?? []), inner];
}
