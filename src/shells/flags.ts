import { type Command, Option as Flag, InvalidArgumentError } from "commander";
import { nearest } from "../nn/nearest.ts";
import { type CommandName, flagOf, type Option, options } from "../options.ts";

type Row = readonly [key: string, option: Option];
export const rowsOf = (command: CommandName): readonly Row[] => Object.entries(options[command]);

/** Adds every option of a command that has a flag. */
export function addFlags(command: Command, name: CommandName): void {
  for (const [key, option] of rowsOf(name)) {
    if (!option.operand && !option.flagless) command.addOption(flag(key, option));
  }
}

/** A flag of a command line. Defaults are only told: what was not given stays open for a configuration file. */
function flag(key: string, option: Option): Flag {
  const { type, short, group, default: byDefault } = option;
  const isShown = byDefault !== undefined && type.placeholder !== undefined;
  const values = type.choices ? ` (${type.choices.join(", ")})` : "";
  const name = `--${flagOf(key, option)}${type.placeholder === undefined ? "" : ` <${type.placeholder}>`}`;
  const made = new Flag(
    short ? `-${short}, ${name}` : name,
    `${option.off ?? option.help}${values}${isShown ? ` [default: ${byDefault}]` : ""}`,
  ).helpGroup(`${group}:`);
  return type.placeholder === undefined ? made : made.argParser((text) => parsed(text, option));
}

function parsed(text: string, { type }: Option): unknown {
  const value = type.parse(text);
  if (type.accepts(value)) return value;
  const close = nearest(text, type.choices ?? []);
  throw new InvalidArgumentError(`Expected ${type.expected}.${close ? `\n(Did you mean ${close}?)` : ""}`);
}

/** The values that flags gave, by the options' names. */
export function givenValues(command: Command, name: CommandName): Record<string, unknown> {
  const keys = new Map(rowsOf(name).map(([key, option]) => [flag(key, option).attributeName(), key] as const));
  const given = [...keys].filter(([attribute]) => command.getOptionValueSource(attribute) === "cli");
  return Object.fromEntries(given.map(([attribute, key]) => [key, command.getOptionValue(attribute)]));
}

/** Other spellings of flags, by what they stand for. */
const aliases = new Map(
  Object.values(options).flatMap((rows) =>
    Object.entries(rows as Readonly<Record<string, Option>>).flatMap(([key, option]) =>
      (option.aliases ?? []).map((alias) => [alias, flagOf(key, option)] as const),
    ),
  ),
);

/** Arguments with every flag as the table spells it: `--use_past` and `--task=x` of old become `--use-past`, `--feature=x`. */
export function canonicalArguments(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, i) => {
    const [, spelled, rest = ""] = /^--([^=]+)(=.*)?$/s.exec(arg) ?? [];
    if (spelled === undefined || (end !== -1 && i >= end)) return arg;
    const name = spelled.replaceAll("_", "-");
    return `--${aliases.get(name) ?? name}${rest}`;
  });
}
