import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const script = resolve("scripts/layers.mjs");

describe("layers of src", () => {
  let copy: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), "layers-"));
    for (const name of ["package.json", ".dependency-cruiser.cjs"]) cpSync(name, join(copy, name));
    symlinkSync(resolve("node_modules"), join(copy, "node_modules"), "junction");
    plant("src/shells/shell.ts", "export type Shell = string;\nexport const shell: Shell = process.title;\n");
  });

  afterEach(() => rmSync(copy, { recursive: true, force: true }));

  function plant(file: string, text: string): void {
    mkdirSync(join(copy, dirname(file)), { recursive: true });
    writeFileSync(join(copy, file), text);
  }

  function check(folder: string): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, folder], { encoding: "utf8" });
    return { status, output: stdout + stderr };
  }

  it("hold for the project", () => {
    const { status, output } = check(".");
    expect(output).toMatch(/^layers: \d+ files, \d+ imports, 0 problems$/m);
    expect(status).toBe(0);
  });

  it("allow an import that points downward", () => {
    plant("src/tensor/shape.ts", "export const rank = 4;\n");
    plant("src/mil/planted.ts", 'export { rank } from "../tensor/shape.ts";\n');
    expect(check(copy)).toEqual({ status: 0, output: "layers: 3 files, 1 imports, 0 problems\n" });
  });

  it("refuse every kind of import from a higher layer", () => {
    plant("src/tensor/value.ts", 'import { shell } from "../shells/shell.ts";\nexport const value = shell;\n');
    plant("src/tensor/type.ts", 'import type { Shell } from "../shells/shell.ts";\nexport type Type = Shell;\n');
    plant("src/tensor/again.ts", 'export { shell } from "../shells/shell.ts";\n');
    plant("src/tensor/dynamic.ts", 'export const dynamic = () => import("../shells/shell.ts");\n');
    plant(
      "src/tensor/using.ts",
      'export async function using(): Promise<void> {\n  using x = await import("../shells/shell.ts");\n}\n',
    );
    const { status, output } = check(copy);
    for (const kind of ["value", "type", "again", "dynamic", "using"]) {
      expect(output).toContain(`src/tensor/${kind}.ts -> src/shells/shell.ts: tensor imports downward only`);
    }
    expect(status).toBe(1);
  });

  it("refuse a package outside its part, and a file without a layer", () => {
    plant("src/mil/runtime.ts", 'import * as runtime from "onnxruntime-node";\nexport const planted = runtime;\n');
    plant("src/elsewhere/planted.ts", "export const planted = 1;\n");
    const { status, output } = check(copy);
    expect(output).toMatch(/^src\/mil\/runtime.ts -> .*: onnxruntime-node is imported by its own part only$/m);
    expect(output).toContain("src/elsewhere/planted.ts: every lone file has a layer");
    expect(status).toBe(1);
  });

  it("refuse a source file that was not read", () => {
    plant("src/tensor/planted.mts", "export const planted = 1;\n");
    const { status, output } = check(copy);
    expect(output).toContain("src/tensor/planted.mts: not read");
    expect(status).toBe(1);
  });
});
