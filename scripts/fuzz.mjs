/**
 * Gives the program broken files, and looks for what must never happen: a crash, an error that is none of ours, an
 * endless loop, memory beyond a limit, half an output, a file read or written outside the folders given.
 *
 * usage: npm run fuzz [-- --kind <kind>]... [--seed 1] [--from 0] [--count 10000]
 *        node scripts/fuzz.mjs --kind config --seed 1 --case 456       (one case, printed)
 */
import "../test/fuzz/typescript-hooks.mjs";

const { main } = await import("../test/fuzz/main.ts");
process.exitCode = await main(process.argv.slice(2), console.log);
