import { parseArgs } from "node:util";
import { kindNames } from "./kind-names.ts";
import { supervise } from "./supervise.ts";
import { Tally, tallyHeader } from "./tally.ts";

/** Bugs are printed as they are found, up to this many of a kind. */
const MAX_PRINTED = 30;

/** The command line of scripts/fuzz.mjs. @returns the exit status: 1 when there was a bug */
export async function main(args: readonly string[], print: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kind: { type: "string", multiple: true },
      seed: { type: "string", default: "1" },
      case: { type: "string" },
      from: { type: "string", default: "0" },
      count: { type: "string", default: "10000" },
    },
  });
  const seed = Number(values.seed);
  const [from, count] =
    values.case === undefined ? [Number(values.from), Number(values.count)] : [Number(values.case), 1];
  const tallies: Tally[] = [];
  for (const kind of values.kind ?? kindNames) {
    if (!kindNames.some((name) => name === kind))
      throw new RangeError(`there is no kind '${kind}': ${kindNames.join(", ")}`);
    const tally = new Tally(kind);
    tallies.push(tally);
    await supervise({ kinds: [kind], seed, from, count }, (result) => {
      tally.add(result);
      if (values.case !== undefined) print(JSON.stringify(result, null, 2));
      else if (result.bugs.length > 0 && tally.bugs.length <= MAX_PRINTED) {
        print(
          `BUG: node scripts/fuzz.mjs --kind ${kind} --seed ${seed} --case ${result.id.case}\n  ${result.subject}\n  ${result.bugs.join("\n  ")}`,
        );
      }
    });
    print(`${kind}: ${tally.cases} cases, ${tally.bugs.length} with bugs`);
  }
  print(`\n${tallyHeader}\n${tallies.map((t) => t.text()).join("\n")}`);
  return tallies.some((t) => t.bugs.length > 0) ? 1 : 0;
}
