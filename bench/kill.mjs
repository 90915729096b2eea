/**
 * Kills the command line with SIGKILL at random moments, while it converts a local checkpoint and while it downloads one
 * from the tests' fake Hub and converts it, and looks at what is left: at the output nothing or a whole package, in the
 * cache nothing that a later run trips over.
 *
 * A run that ends before its moment does not count.
 *
 * usage: npm run bench:kill -- [kills=200] [seed=1]
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startFakeHub } from "./fake-hub.mjs";
import { randomCheckpoint } from "./random-checkpoint.mjs";

const [kills = 200, seed = 1] = process.argv.slice(2).map(Number);
const cli = join(import.meta.dirname, "../dist/shells/cli.js");
const folder = mkdtempSync(join(tmpdir(), "bench-kill-"));
const at = (...names) => join(folder, ...names);

/** Uniform in 0 to 1, the same each time: https://en.wikipedia.org/wiki/Linear_congruential_generator */
let state = seed;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

/** Of names and bytes of all files. */
function digest(path) {
  const hash = createHash("sha256");
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(name).update(readFileSync(join(parentPath, name)));
  }
  return hash.digest("hex");
}

const run = (args, env) => spawnSync(process.execPath, [cli, ...args], { env, encoding: "utf8" });

async function killed(args, env, milliseconds) {
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal === "SIGKILL")));
  await sleep(milliseconds);
  child.kill("SIGKILL");
  return await ended;
}

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

async function series(name, args, env, times, { cache } = {}) {
  const output = at(`${name}-out`);
  const whole = join(output, "Model.mlpackage");
  const all = [...args, output];
  const begin = performance.now();
  const first = run(all, env);
  expect(first.status === 0, first.stderr);
  const duration = performance.now() - begin;
  const right = digest(whole);
  const counts = { killed: 0, finished: 0, absent: 0, present: 0 };
  for (let i = 0; counts.killed < times; i++) {
    // Half of them replace a package that is there already.
    const replaces = i % 2 === 1;
    if (!replaces) rmSync(output, { recursive: true, force: true });
    // Two kills of three go on where the one before ended.
    if (cache && i % 3 === 0) rmSync(cache, { recursive: true, force: true });
    const wasKilled = await killed(replaces ? [...all, "--overwrite"] : all, env, random() * duration);
    counts[wasKilled ? "killed" : "finished"]++;
    const isThere = existsSync(whole);
    counts[isThere ? "present" : "absent"]++;
    if (isThere) expect(digest(whole) === right, `${name}, kill ${i}: the package at the output is not whole`);
    const visible = existsSync(output) ? readdirSync(output).filter((entry) => !entry.startsWith(".")) : [];
    expect(
      visible.every((entry) => entry === "Model.mlpackage"),
      `${name}, kill ${i}: found ${visible.join(", ")}`,
    );
    const next = run([...all, "--overwrite"], env);
    expect(next.status === 0, `${name}, after kill ${i}: ${next.stderr}`);
    expect(digest(whole) === right, `${name}, after kill ${i}: another package`);
    expect(readdirSync(output).length === 1, `${name}, after kill ${i}: left ${readdirSync(output).join(", ")}`);
    if (cache) {
      const left = readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((entry) =>
        /incomplete/.test(entry),
      );
      expect(left.length === 0, `${name}, after kill ${i}: the cache holds ${left.join(", ")}`);
    }
  }
  console.log(`ok      ${name}: ${JSON.stringify(counts)}, each next run succeeded with the same bytes`);
}

let hub;
try {
  randomCheckpoint(at("model"), { hidden: 64, layers: 6 });
  const env = { ...process.env, HF_HOME: at("home") };
  const convert = ["-m", at("model"), "--sequence-length", "8"];
  await series("convert", convert, env, kills / 2);

  cpSync(at("model"), at("repository"), { recursive: true });
  hub = await startFakeHub(at("server"), at("repository"), "org/name", [256 << 10, 2]);
  const remote = ["-m", "org/name", "--sequence-length", "8", "--no-validate"];
  await series("download", remote, { ...env, HF_ENDPOINT: hub.endpoint }, kills / 2, { cache: at("home", "hub") });
} catch (error) {
  console.log(`MISSED  ${error.message}`);
  process.exitCode = 1;
} finally {
  hub?.stop();
  rmSync(folder, { recursive: true, force: true });
}
