// Serves a folder as a repository of the fake Hub until its standard input ends: node serve.js <folder> <id>
// Prints one line of JSON with the endpoint. A number of bytes and milliseconds make every answer of the storage slow.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FakeHub } from "./fake-hub.ts";

const [folder = ".", id = "org/name", bytes, ms] = process.argv.slice(2);
const hub = await FakeHub.start();
const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const paths = names.map(({ parentPath, name }) => join(parentPath, name));
hub.repository(
  id,
  Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(path)])),
);
if (bytes !== undefined) {
  const fault = { kind: "slow", bytes: Number(bytes), ms: Number(ms) } as const;
  hub.inject(fault, ({ server }) => server === "storage", Number.POSITIVE_INFINITY);
}
process.stdout.write(`${JSON.stringify({ endpoint: hub.endpoint })}\n`);
process.stdin.resume().on("end", () => process.exit());
