import { ConversionError, type Diagnostic, quoted } from "../diagnostics.ts";
import { type ActivationName, activations } from "../nn/activations.ts";
import { nearest } from "../nn/nearest.ts";

/** Reads one value of `config.json`. A value the graph does not implement is an error that names the key. */
export interface Field<T> {
  /** What is expected, in words. */
  readonly expected: string;
  readonly absent?: T | undefined;
  readonly isRequired: boolean;
  /** Another name of the key. Where both are given this one counts, as in Transformers' `attribute_map`. */
  readonly alias?: string;
  accepts(value: unknown): value is T;
}

export interface Open<T> extends Field<T> {
  /** The same, with what Transformers' config class takes where the key is absent or null. */
  or(absent: T): Field<T>;
  /** The same, undefined where the key is absent or null. */
  readonly maybe: Field<T | undefined>;
  /** The same under another name as well. */
  also(alias: string): Field<T>;
}

function field<T>(expected: string, accepts: (value: unknown) => value is T): Open<T> {
  const plain = { expected, accepts, isRequired: true };
  return {
    ...plain,
    also: (alias) => ({ ...plain, alias }),
    or: (absent) => ({ ...plain, isRequired: false, absent }),
    maybe: { expected, isRequired: false, absent: undefined, accepts: accepts as (v: unknown) => v is T | undefined },
  };
}

const isInteger = (v: unknown): v is number => typeof v === "number" && Number.isInteger(v);

/** The largest size a config may state, beyond the ten million positions of the longest contexts. */
const MAX_SIZE = 2 ** 24;
/** Twice the largest vocabulary there is: a head over it has a bias for each entry in memory. */
const MAX_VOCABULARY = 2 ** 21;
const MAX_INTEGER = 2 ** 31 - 1;
/** The deepest models have a thousand; each is built before its weights are found missing. */
const MAX_LAYERS = 1024;

const isSize = (v: unknown): v is number => isInteger(v) && v >= 1 && v <= MAX_SIZE;

export const c = {
  /** A size of at least 1. */
  size: field(`an integer from 1 to ${MAX_SIZE}`, isSize),
  /** How many layers of one kind are stacked. */
  layers: field(`an integer from 1 to ${MAX_LAYERS}`, (v): v is number => isInteger(v) && v >= 1 && v <= MAX_LAYERS),
  /** A size that may be 0. */
  count: field("an integer of at least 0", (v): v is number => isInteger(v) && v >= 0 && v <= MAX_SIZE),
  /** How many tokens there are. */
  vocabulary: field(
    `an integer from 1 to ${MAX_VOCABULARY}`,
    (v): v is number => isInteger(v) && v >= 1 && v <= MAX_VOCABULARY,
  ),
  /** What an int32 holds. */
  integer: field("an integer of 32 bits", (v): v is number => isInteger(v) && Math.abs(v) <= MAX_INTEGER),
  real: field("a finite number", (v): v is number => typeof v === "number" && Number.isFinite(v)),
  flag: field("true or false", (v): v is boolean => typeof v === "boolean"),
  /** One size, or [height, width]. */
  pair: field(
    "an integer or [height, width]",
    (v): v is number | readonly [number, number] =>
      isSize(v) || (Array.isArray(v) && v.length === 2 && v.every(isSize)),
  ),
  oneOf: <const K extends string | number | boolean>(...values: readonly K[]): Open<K> =>
    field(values.map((v) => JSON.stringify(v)).join(" or "), (v): v is K => values.includes(v as K)),
  activation: field(
    `an activation of Transformers (${Object.keys(activations).join(", ")})`,
    (v): v is ActivationName => typeof v === "string" && Object.hasOwn(activations, v),
  ),
} as const;

export type Schema = Readonly<Record<string, Field<unknown>>>;
export type Config<S extends Schema> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never };

/**
 * The values of a config that the graph reads, checked.
 * @throws ConversionError `config.missing`, `config.unsupported`, listing every key that does not fit
 */
export function parseConfig<S extends Schema>(schema: S, config: Readonly<Record<string, unknown>>): Config<S> {
  const problems: Diagnostic[] = [];
  const values = Object.entries(schema).map(([key, f]) => {
    const given = (name: string): unknown => (Object.hasOwn(config, name) ? config[name] : undefined);
    const name = f.alias !== undefined && (given(f.alias) ?? undefined) !== undefined ? f.alias : key;
    const value = given(name);
    if (value === undefined || value === null) {
      if (!f.isRequired) return [key, f.absent];
      const close = nearest(key, Object.keys(config));
      problems.push({
        code: "config.missing",
        severity: "error",
        path: `config.json: ${key}`,
        message: `is missing, expected ${f.expected}`,
        ...(close ? { hint: `nearest: ${close}` } : {}),
      });
    } else if (!f.accepts(value)) {
      problems.push({
        code: "config.unsupported",
        severity: "error",
        path: `config.json: ${name}`,
        message: `is ${quoted(value)}, expected ${f.expected}`,
      });
    }
    return [key, value];
  });
  if (problems.length > 0) throw new ConversionError("unsupported", problems);
  return Object.fromEntries(values) as Config<S>;
}

/** What is wrong where a size is no multiple of another: the width of a model and its heads. */
export function divisible<K extends string>(
  config: Readonly<Record<K, number>>,
  size: K,
  by: K,
): readonly Diagnostic[] {
  const [n, divisor] = [config[size], config[by]];
  if (n % divisor === 0) return [];
  return [
    {
      code: "config.unsupported",
      severity: "error",
      path: `config.json: ${size}`,
      message: `is ${n}, expected a multiple of ${by}, which is ${divisor}`,
    },
  ];
}
