import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { weightsSha256 } from "../../src/checkpoint/hash.ts";

const folder = mkdtempSync(join(tmpdir(), "hash-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sha256 = (data: string): string => createHash("sha256").update(data).digest("hex");

test("one file: its own hash; several: that of their sorted lines", async () => {
  const [a, b] = ["a", "b"].map((name) => ({ name, path: join(folder, `blob-${name}`) }));
  writeFileSync(a!.path, "first");
  writeFileSync(b!.path, "second");
  expect(await weightsSha256([a!])).toBe(sha256("first"));
  const lines = `a ${sha256("first")}\nb ${sha256("second")}\n`;
  expect(await weightsSha256([b!, a!])).toBe(sha256(lines));
});
