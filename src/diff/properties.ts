import type { Model } from "../coreml/package.ts";
import { specificationVersionOf } from "../mil/opset.ts";
import type { FieldChange } from "./difference.ts";

/** What two models say of themselves beside interface and program: target, default function, metadata, build info. */
export function compareProperties(a: Model, b: Model): readonly FieldChange[] {
  return changesOf(propertiesOf(a), propertiesOf(b));
}

function propertiesOf(model: Model): ReadonlyMap<string, string> {
  const { userDefined, ...texts } = model.metadata;
  const properties = new Map([
    ["target", `${model.target} (specification version ${specificationVersionOf(model.target)})`],
    ["several functions", model.multifunction ? "yes" : "no"],
    ["default function", model.defaultFunction],
  ]);
  for (const [key, value] of Object.entries(texts)) if (value) properties.set(key, value);
  for (const [key, value] of userDefined) for (const [path, leaf] of leavesOf(key, value)) properties.set(path, leaf);
  for (const [key, value] of model.program.buildInfo ?? []) properties.set(`buildInfo.${key}`, value);
  return properties;
}

/** An object in JSON, such as the plan of a conversion, is compared value by value. */
function leavesOf(key: string, text: string): readonly (readonly [string, string])[] {
  const flat = (path: string, value: unknown): readonly (readonly [string, string])[] =>
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
      ? Object.entries(value).flatMap(([name, inner]) => flat(`${path}.${name}`, inner))
      : [[path, JSON.stringify(value)]];
  if (!text.startsWith("{")) return [[key, text]];
  try {
    return flat(key, JSON.parse(text));
  } catch {
    return [[key, text]];
  }
}

/** Fields that are not the same, in the order of `a`, then those that only `b` has. */
export function changesOf(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): readonly FieldChange[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((field) => ({ field, a: a.get(field) ?? null, b: b.get(field) ?? null }))
    .filter((change) => change.a !== change.b);
}
