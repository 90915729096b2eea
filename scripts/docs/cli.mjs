import { flagOf, options } from "../../dist/options.js";
import { exitStatusTexts } from "../../dist/shells/exit-status.js";
import { commandTexts } from "../../dist/shells/program.js";
import { blocks, code, table } from "./markdown.mjs";

/** docs/cli.md: every command and option, from the table they are made from. */
export const cli = () =>
  blocks(
    "# Command line",
    "Made from `src/options.ts` by `npm run docs`.",
    Object.entries(commandTexts).flatMap(([name, text]) => command(name, text)),
    "## Exit status",
    table(["status", "meaning"], exitStatusTexts),
    "## Output",
    [
      "What was asked for goes to stdout: the log of the validation, or with `--json` one JSON document. Diagnostics and",
      "the progress bar go to stderr. Each diagnostic is a block: `error: <path>: <message>`, and where there is",
      "something to do about it `hint: <what>`. With `--json` an error is an object on stdout:",
      '`{ "error": { "kind", "diagnostics": [{ "code", "severity", "path", "message", "hint" }] } }`.',
      "Colours follow `NO_COLOR` and `FORCE_COLOR`; the progress bar is drawn on terminals only, and not with `TERM=dumb`.",
    ].join("\n"),
    "## Older spellings",
    [
      "The flags of the 2023 exporter are accepted as they were, with underscores (`--use_past`, `--compute_units`).",
      `${aliases().join(", ")}.`,
    ].join("\n"),
  );

function command(name, { operands, description, examples }) {
  const rows = Object.entries(options[name]);
  const groups = grouped(rows);
  const usage =
    name === "convert"
      ? "coreml-export -m <id or folder> [options] <output>"
      : `coreml-export ${name} [options] ${operands}`;
  return [
    `## ${name}`,
    `${description[0].toUpperCase()}${description.slice(1)}.`,
    ["```sh", usage.trim(), "```"].join("\n"),
    [...groups].flatMap(([group, entries]) => [
      `### ${group}`,
      table(
        ["option", "library", "meaning", "default"],
        entries.map(([key, option]) => [
          spelling(key, option),
          option.stage === "shell" ? "" : code(key),
          meaning(option),
          byDefault(option),
        ]),
      ),
    ]),
    ["```sh", ...examples, "```"].join("\n"),
  ].flat();
}

const meaning = ({ help, off, type: { choices = [] } }) =>
  `${(off ?? help).replaceAll("<", "\\<")}${choices.length > 0 ? `: ${choices.map(code).join(", ")}` : ""}`;

const byDefault = ({ default: value = "" }) => (typeof value === "boolean" ? (value ? "on" : "off") : String(value));

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row[1].group, [...(groups.get(row[1].group) ?? []), row]);
  return groups;
}

function spelling(key, option) {
  if (option.flagless) return "in `--config` only";
  const value = option.type.placeholder === undefined ? "" : ` <${option.type.placeholder}>`;
  if (option.operand) return code(`<${option.type.placeholder}>`);
  return code(`${option.short ? `-${option.short}, ` : ""}--${flagOf(key, option)}${value}`);
}

const aliases = () =>
  Object.entries(options.convert).flatMap(([key, option]) =>
    (option.aliases ?? []).map((alias) => `${code(`--${alias}`)} is ${code(`--${flagOf(key, option)}`)}`),
  );
