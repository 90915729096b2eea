/** The values an option takes: as text on a command line, and as JSON in a file or a call. */
export interface OptionType<T> {
  /** In words, for errors. */
  readonly expected: string;
  /** What stands for the value in help; a switch has none. */
  readonly placeholder?: string;
  /** Every value there is, as it is written on a command line. */
  readonly choices?: readonly string[];
  accepts(value: unknown): value is T;
  /** What a text stands for, still to be accepted. */
  parse(text: string): unknown;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isCount = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 1;

export const onOff: OptionType<boolean> = {
  expected: "true or false",
  accepts: (value) => typeof value === "boolean",
  parse: (text) => (text === "true" ? true : text === "false" ? false : text),
};

/** One of a few names; upper and lower case do not matter on a command line. */
export const choice = <const T extends string>(placeholder: string, values: readonly T[]): OptionType<T> => ({
  expected: values.map((v) => v.toLowerCase()).join(", "),
  placeholder,
  choices: values.map((v) => v.toLowerCase()),
  accepts: (value): value is T => values.some((v) => v === value),
  parse: (text) => values.find((v) => v.toLowerCase() === text.toLowerCase()) ?? text,
});

/** Any text, of which some values may mean something of their own. */
export const text = <const T extends string = string>(placeholder: string): OptionType<T> => ({
  expected: `a text (${placeholder})`,
  placeholder,
  accepts: (value): value is T => isText(value),
  parse: (given) => given,
});

export const count = (placeholder: string): OptionType<number> => ({
  expected: "an integer of at least 1",
  placeholder,
  accepts: isCount,
  parse: Number,
});

export const positive = (placeholder: string): OptionType<number> => ({
  expected: "a number above 0",
  placeholder,
  accepts: (value): value is number => typeof value === "number" && Number.isFinite(value) && value > 0,
  parse: (given) => (given.trim() === "" ? Number.NaN : Number(given)),
});

/** A length or a description of lengths, which the plan reads. */
export const lengths = (placeholder: string): OptionType<number | string> => ({
  expected: `a number or a text (${placeholder})`,
  placeholder,
  accepts: (value): value is number | string => isCount(value) || isText(value),
  parse: (given) => given,
});

export const imageSize: OptionType<number | string | readonly [number, number]> = {
  expected: "a number, a text (N or HxW) or [height, width]",
  placeholder: "N|HxW",
  accepts: (value): value is number | string | readonly [number, number] =>
    isCount(value) || isText(value) || (Array.isArray(value) && value.length === 2 && value.every(isCount)),
  parse: (given) => given,
};

/** How an input or output differs from what the task makes of it. */
export interface FeatureOptions {
  readonly name?: string;
  readonly description?: string;
  readonly softmax?: boolean;
  /** A fixed shape for an input. */
  readonly shape?: readonly number[];
}

const featureKeys: Readonly<Record<keyof FeatureOptions, (value: unknown) => boolean>> = {
  name: isText,
  description: (value) => typeof value === "string",
  softmax: (value) => typeof value === "boolean",
  shape: (value) => Array.isArray(value) && value.every(isCount),
};

const isFeature = (value: unknown): value is FeatureOptions =>
  isObject(value) &&
  Object.entries(value).every(
    ([key, v]) => Object.hasOwn(featureKeys, key) && featureKeys[key as keyof FeatureOptions](v),
  );

/** Changes of inputs or outputs by name; `null` removes one. Too much for a command line: for files and calls. */
export const features: OptionType<Readonly<Record<string, FeatureOptions | null>>> = {
  expected: `an object from names to null or { ${Object.keys(featureKeys).join(", ")} }`,
  placeholder: "JSON",
  accepts: (value): value is Readonly<Record<string, FeatureOptions | null>> =>
    isObject(value) && Object.values(value).every((v) => v === null || isFeature(v)),
  parse: (given) => given,
};
