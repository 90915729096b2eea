/**
 * Measures what the project promises about speed and memory, as ratios within one run, and fails where a bar is missed.
 *
 * usage: npm run bench        needs about 6 GB of free disk and two minutes
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomCheckpoint } from "./random-checkpoint.mjs";

const ROUNDS = 5;
const MB = 2 ** 20;
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), "bench-"));
const at = (name) => join(folder, name);
const failures = [];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function timed(command, args) {
  const begin = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return { seconds: Number(process.hrtime.bigint() - begin) / 1e9, stdout };
}

const converted = (model, precision = "float32") =>
  timed(process.execPath, [join(here, "convert-once.mjs"), model, at("out"), precision]);
const peak = ({ stdout }) => JSON.parse(stdout).peakBytes;

/** Prints one figure beside its bar. */
function bar(what, value, limit, unit) {
  const missed = value > limit;
  if (missed) failures.push(what);
  console.log(`${missed ? "MISSED" : "ok    "}  ${what}: ${value.toFixed(2)} ${unit} (at most ${limit.toFixed(2)})`);
}

try {
  const bytes = randomCheckpoint(at("base"), { hidden: 768, layers: 12 });
  console.log(
    `BERT-base shape: ${(bytes / MB).toFixed(0)} MB of float32, node ${process.versions.node}, ${ROUNDS} rounds\n`,
  );

  // Both with the checkpoint in the cache, in turn, so that a machine that slows down slows both.
  readFileSync(join(at("base"), "model.safetensors"));
  const rounds = Array.from({ length: ROUNDS }, () => ({
    copy: timed("cp", [join(at("base"), "model.safetensors"), at("copy")]).seconds,
    convert: converted(at("base")).seconds,
  }));
  const [copy, convert] = [median(rounds.map((r) => r.copy)), median(rounds.map((r) => r.convert))];
  console.log(
    `cp ${copy.toFixed(2)} s, convert ${convert.toFixed(2)} s (medians), ratio ${(convert / copy).toFixed(2)}`,
  );
  bar("convert float32, whole process", convert, 3 * copy + 0.5, "s");

  const base = converted(at("base"));
  bar("peak memory, float32", peak(base) / MB, 150, "MB");
  bar("peak memory, float16", peak(converted(at("base"), "float16")) / MB, 150, "MB");

  randomCheckpoint(at("wide"), { hidden: 1536, layers: 12 });
  bar("peak memory of twice the width, over that of one", peak(converted(at("wide"))) / peak(base), 1.1, "x");
  rmSync(at("wide"), { recursive: true });

  randomCheckpoint(at("deep"), { hidden: 768, layers: 48 });
  const deep = converted(at("deep"));
  const more = JSON.parse(deep.stdout).nodes - JSON.parse(base.stdout).nodes;
  bar("memory per 100 further nodes", (peak(deep) - peak(base)) / MB / (more / 100), 1, "MB");

  const cli = join(here, "../dist/shells/cli.js");
  const starts = Array.from({ length: ROUNDS }, () => ({
    node: timed(process.execPath, ["-e", "0"]).seconds,
    help: timed(process.execPath, [cli, "--help"]).seconds,
  }));
  bar("--help over `node -e 0`", 1000 * median(starts.map((s) => s.help - s.node)), 150, "ms");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

console.log(
  `\n${execFileSync("git", ["-C", here, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()}: ${failures.length} bars missed`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
