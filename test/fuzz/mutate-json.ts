import { escapingPaths, numberTexts, texts } from "./extremes.ts";
import {
  type JsonArray,
  type JsonObject,
  type JsonPlace,
  type JsonTree,
  placesOf,
  quoted,
  remove,
  replace,
  scalar,
  textOf,
  treeOf,
} from "./json-tree.ts";
import type { Random } from "./random.ts";

/** Strings of escapes that stand for no text, and what is no string at all. */
const brokenStrings = ['"\\ud800"', '"\\udc00\\ud800"', '"\\u00zz"', '"\\x"', '"\n"', "'x'", '"', '"\\u0000"', "\\"];
/** Stands for bytes that are not UTF-8; a text cannot hold them. */
const INVALID = "\ue000";
const invalidBytes: readonly (readonly number[])[] = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2],
];
const DEPTHS = [3, 10, 63, 65, 200, 5000, 100_000];
const MOST_COPIES = 2000;

const emptyObject = (): JsonObject => ({ kind: "object", members: [] });
const listOf = (...items: JsonTree[]): JsonArray => ({ kind: "array", items });

function value(random: Random): JsonTree {
  const hostileObjects: readonly (() => JsonTree)[] = [
    emptyObject,
    () => listOf(),
    () => listOf(scalar("null")),
    () => listOf(listOf(listOf())),
    () => ({
      kind: "object",
      members: [
        { key: '"toString"', value: scalar("1") },
        { key: '"valueOf"', value: scalar("1") },
      ],
    }),
    () => ({ kind: "object", members: [{ key: '"__proto__"', value: scalar("null") }] }),
    () => ({ kind: "object", members: [{ key: '"length"', value: scalar("1e9") }] }),
    () => listOf(...Array.from({ length: 1 + random.below(70) }, () => scalar(random.pick(numberTexts)))),
  ];
  switch (random.below(7)) {
    case 0:
      return scalar(random.pick(["null", "true", "false", "undefined", ""]));
    case 1:
    case 2:
      return scalar(random.pick(numberTexts));
    case 3:
      return quoted(random.pick(texts));
    case 4:
      return quoted(random.pick(escapingPaths));
    case 5:
      return scalar(random.chance(0.3) ? `"a${INVALID}"` : random.pick(brokenStrings));
    default:
      return random.pick(hostileObjects)();
  }
}

/** A number near the one that stands there, or the same thing said in another type. */
function near({ text }: { text: string }, random: Random): JsonTree {
  const number = Number(text);
  if (text.startsWith('"') || Number.isNaN(number))
    return scalar(text.startsWith('"') ? text.slice(1, -1) : `"${text}"`);
  const close = [number + 1, number - 1, -number, number * 2, number + 0.5, number / 2, number * 1e6, number * 1000];
  return random.chance(0.15) ? scalar(`"${text}"`) : scalar(String(random.pick(close)));
}

function nested(tree: JsonTree, random: Random): JsonTree {
  const depth = random.pick(DEPTHS);
  const [open, close] = random.chance(0.5) ? ["[", "]"] : ['{"a":', "}"];
  return scalar(open.repeat(depth) + textOf(tree) + close.repeat(depth));
}

const copyOf = (tree: JsonTree): JsonTree => structuredClone(tree);
const keyOf = (random: Random): string =>
  random.chance(0.1)
    ? random.pick(brokenStrings)
    : JSON.stringify(random.pick(random.chance(0.8) ? texts : escapingPaths));

/** One change to the members of an object. */
function changeObject(object: JsonObject, random: Random): void {
  const { members } = object;
  const i = random.below(members.length);
  const member = members[i];
  if (!member || random.chance(0.2)) {
    members.push({ key: random.chance(0.3) ? '"__proto__"' : keyOf(random), value: value(random) });
    return;
  }
  switch (random.below(4)) {
    case 0:
      member.key = keyOf(random);
      break;
    case 1:
      member.key = (random.pick(members) as typeof member).key;
      break;
    case 2:
      members.push({ key: member.key, value: random.chance(0.5) ? value(random) : copyOf(member.value) });
      break;
    default:
      members.splice(i, 1);
  }
}

/** One change to the length or order of a list. */
function changeArray({ items }: JsonArray, random: Random): void {
  switch (random.below(4)) {
    case 0:
      items.length = random.below(items.length + 1);
      break;
    case 1:
      items.reverse();
      break;
    case 2:
      items.push(
        ...Array.from({ length: 1 + random.below(random.chance(0.1) ? MOST_COPIES : 4) }, () =>
          copyOf(items[0] ?? scalar("0")),
        ),
      );
      break;
    default:
      items.splice(random.below(items.length + 1), 0, value(random));
  }
}

/** One change to a document; `places` are those of the tree. */
function change(tree: JsonTree, places: readonly JsonPlace[], random: Random): void {
  const place = random.pick(places);
  const strings = places.filter(isString);
  const containers = [tree, ...places.map((p) => p.value)].filter((t) => t.kind !== "scalar");
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      replace(place, value(random));
      break;
    case 3:
    case 4:
      replace(place, place.value.kind === "scalar" ? near(place.value, random) : value(random));
      break;
    case 5:
      replace(place, copyOf(random.pick(places).value));
      break;
    case 6:
      remove(place);
      break;
    case 7:
      replace(place, random.chance(0.3) ? nested(place.value, random) : listOf(place.value));
      break;
    case 8:
      // Names and ids of one document are where texts of another place are most likely believed.
      if (strings.length > 0) replace(random.pick(strings), copyOf(random.pick(strings).value));
      break;
    default:
      changeContainer(random.pick(containers), random);
  }
}

const isString = ({ value }: JsonPlace): boolean => value.kind === "scalar" && value.text.startsWith('"');

function changeContainer(container: JsonTree, random: Random): void {
  if (container.kind === "object") changeObject(container, random);
  else if (container.kind === "array") changeArray(container, random);
}

/** JSON with one to three changes to its values, members or nesting. The result need not be JSON, nor UTF-8. */
export function mutateJson(json: string, random: Random): Buffer {
  let tree = treeOf(JSON.parse(json));
  for (let left = 1 + random.below(3); left > 0; left--) {
    const places = placesOf(tree);
    if (places.length === 0 || random.chance(0.01)) tree = random.chance(0.5) ? value(random) : nested(tree, random);
    else change(tree, places, random);
  }
  return withInvalidBytes(textOf(tree), random);
}

function withInvalidBytes(text: string, random: Random): Buffer {
  const [first = "", ...rest] = text.split(INVALID);
  return Buffer.concat([
    Buffer.from(first),
    ...rest.flatMap((part) => [Buffer.from(random.pick(invalidBytes)), Buffer.from(part)]),
  ]);
}
