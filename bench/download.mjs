/**
 * Downloads 400 MB from the tests' fake Hub, in turn with curl from the same server, and fails below 70 % of curl's speed
 * or when memory grows with the file.
 *
 * usage: npm run bench:download        needs curl and 2 GB of free disk
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeHub } from "./fake-hub.mjs";
import { writeNoise } from "./noise.mjs";

const ROUNDS = 7;
const MB = 1e6;
const SIZES = { small: 40 * MB, large: 400 * MB };
const folder = mkdtempSync(join(tmpdir(), "bench-download-"));
const at = (name) => join(folder, name);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Seconds that the process says it worked, or that it took. */
function timed(command, args, env = {}) {
  const begin = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return { seconds: Number(process.hrtime.bigint() - begin) / 1e9, stdout };
}

function repository(name, bytes) {
  mkdirSync(at(name));
  writeFileSync(join(at(name), "config.json"), "{}");
  writeNoise(join(at(name), "model.safetensors"), bytes);
  return at(name);
}

const once = join(import.meta.dirname, "download-once.mjs");
const hubs = {};
try {
  for (const [name, bytes] of Object.entries(SIZES)) {
    hubs[name] = await startFakeHub(at(`server-${name}`), repository(name, bytes), "org/name");
  }
  const download = (name) => {
    rmSync(at("cache"), { recursive: true, force: true });
    const { seconds, stdout } = timed(process.execPath, [once, "org/name", at("cache")], {
      HF_ENDPOINT: hubs[name].endpoint,
    });
    return { seconds, ...JSON.parse(stdout) };
  };
  const curl = (name) => {
    rmSync(at("curl"), { force: true });
    const url = `${hubs[name].endpoint}/org/name/resolve/main/model.safetensors`;
    return timed("curl", ["-sSfL", "-o", at("curl"), url]).seconds;
  };
  // In turn, so that a machine that slows down slows both.
  const rounds = Array.from({ length: ROUNDS }, () => ({ curl: curl("large"), ours: download("large") }));
  const ratios = rounds.map((r) => r.curl / r.ours.seconds);
  const [theirs, ours] = [median(rounds.map((r) => r.curl)), median(rounds.map((r) => r.ours.seconds))];
  const peaks = {
    small: median([0, 1, 2].map(() => download("small").peakBytes)),
    large: median(rounds.map((r) => r.ours.peakBytes)),
  };
  console.log(`400 MB, medians of ${ROUNDS} rounds, node ${process.versions.node}`);
  console.log(`curl ${theirs.toFixed(2)} s, ours with start, ranges, and SHA-256 ${ours.toFixed(2)} s`);
  console.log(
    `peak memory ${(peaks.small / MB).toFixed(0)} MB for 40 MB, ${(peaks.large / MB).toFixed(0)} MB for 400 MB`,
  );
  const bars = [
    ["speed, share of curl's (at least 0.70)", median(ratios), median(ratios) >= 0.7],
    ["memory, 400 MB against 40 MB (at most 1.3)", peaks.large / peaks.small, peaks.large <= 1.3 * peaks.small],
  ];
  for (const [what, value, holds] of bars) console.log(`${holds ? "ok    " : "MISSED"}  ${what}: ${value.toFixed(2)}`);
  process.exitCode = bars.every(([, , holds]) => holds) ? 0 : 1;
} finally {
  for (const hub of Object.values(hubs)) hub.stop();
  rmSync(folder, { recursive: true, force: true });
}
