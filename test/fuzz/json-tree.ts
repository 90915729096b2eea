/** JSON as it is written: members in order and as often as they occur, scalars as their text. */
export type JsonTree = JsonObject | JsonArray | JsonScalar;
export interface JsonObject {
  kind: "object";
  members: { key: string; value: JsonTree }[];
}
export interface JsonArray {
  kind: "array";
  items: JsonTree[];
}
/** `text` need not be JSON. */
export interface JsonScalar {
  kind: "scalar";
  text: string;
}

export const scalar = (text: string): JsonScalar => ({ kind: "scalar", text });
export const quoted = (value: string): JsonScalar => scalar(JSON.stringify(value));

export function treeOf(value: unknown): JsonTree {
  if (Array.isArray(value)) return { kind: "array", items: value.map(treeOf) };
  if (typeof value !== "object" || value === null) return scalar(JSON.stringify(value) ?? "null");
  return {
    kind: "object",
    members: Object.entries(value).map(([key, v]) => ({ key: JSON.stringify(key), value: treeOf(v) })),
  };
}

export function textOf(tree: JsonTree): string {
  switch (tree.kind) {
    case "object":
      return `{${tree.members.map(({ key, value }) => `${key}: ${textOf(value)}`).join(", ")}}`;
    case "array":
      return `[${tree.items.map(textOf).join(", ")}]`;
    case "scalar":
      return tree.text;
  }
}

/** A value of the tree, with where it stands: `set` puts another in its place, `remove` takes it out. */
export interface JsonPlace {
  readonly value: JsonTree;
  readonly holder: JsonObject | JsonArray;
  readonly index: number;
}

/** Every value but the outermost. */
export function placesOf(tree: JsonTree): JsonPlace[] {
  const places: JsonPlace[] = [];
  const pending: JsonTree[] = [tree];
  for (let holder = pending.pop(); holder; holder = pending.pop()) {
    if (holder.kind === "scalar") continue;
    const values = holder.kind === "object" ? holder.members.map((m) => m.value) : holder.items;
    for (const [index, value] of values.entries()) {
      places.push({ value, holder, index });
      pending.push(value);
    }
  }
  return places;
}

export function replace({ holder, index }: JsonPlace, value: JsonTree): void {
  if (holder.kind === "array") holder.items[index] = value;
  else (holder.members[index] as JsonObject["members"][number]).value = value;
}

export function remove({ holder, index }: JsonPlace): void {
  if (holder.kind === "array") holder.items.splice(index, 1);
  else holder.members.splice(index, 1);
}
