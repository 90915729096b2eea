import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { packageSize } from "../../src/coreml/package-size.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import type { WireOperation } from "../../src/coreml/wire.ts";
import { writePackage } from "../../src/coreml/write-package.ts";
import type { ConversionError } from "../../src/diagnostics.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { HostTensors } from "../../src/run/host-tensor.ts";
import { openSession } from "../../src/run/session.ts";
import { readTensors } from "../../src/tensor-file.ts";
import { compared } from "../ops/corpus.ts";
import {
  copied,
  corpus,
  MANIFEST,
  MODEL,
  problemsOf,
  readMessage,
  testFolder,
  WEIGHTS,
  writeMessage,
} from "./files.ts";

const packages = fileURLToPath(new URL("packages/", import.meta.url));
const folder = testFolder();
/** Weights in its weight file, and none. */
const [weighty, bare] = ["models/image_rgb_ios15_fp32", "abs/fp_ios15_fp32"].map((name) =>
  join(corpus, `${name}.mlpackage`),
) as [string, string];
const fresh = (from: string, name = "p.mlpackage"): string => copied(from, join(folder, name));

interface Call {
  readonly inputs: HostTensors;
  readonly outputs: HostTensors;
}

/** `call<i>/in/<name>` and `call<i>/out/<name>`. */
function callsOf(name: string): readonly Call[] {
  const tensors = Object.entries(readTensors(join(packages, `${name}.safetensors`)));
  const of = (prefix: string): HostTensors =>
    Object.fromEntries(tensors.flatMap(([k, t]) => (k.startsWith(prefix) ? [[k.slice(prefix.length), t]] : [])));
  const count = new Set(tensors.map(([k]) => k.split("/")[0])).size;
  return Array.from({ length: count }, (_, i) => ({ inputs: of(`call${i}/in/`), outputs: of(`call${i}/out/`) }));
}

const names = readdirSync(packages).flatMap((file) => /^(.+)\.mlpackage$/.exec(file)?.[1] ?? []);

describe.each(names)("%s", (name) => {
  const path = join(packages, `${name}.mlpackage`);
  test("gives what PyTorch gives", async () => {
    const session = await openSession(path, { mode: "rounded" });
    for (const { inputs, outputs: expected } of callsOf(name)) {
      const { outputs } = await session.run(inputs);
      expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
      for (const [key, tensor] of Object.entries(expected)) {
        const actual = outputs[key] as typeof tensor;
        expect(actual.shape, key).toEqual(tensor.shape);
        const { error, allowed } = compared(actual, tensor, "fp32");
        expect(error, key).toBeLessThanOrEqual(allowed);
      }
    }
  });

  test("is written again as it was", async () => {
    using model = readPackage(path, ops);
    const again = join(folder, `${name}.mlpackage`);
    await writePackage(again, model, ops);
    expect(readFileSync(join(again, MODEL)).equals(readFileSync(join(path, MODEL)))).toBe(true);
  });
});

test("inputs with listed shapes are refused at different positions of their lists", async () => {
  const session = await openSession(join(packages, "listed_shapes.mlpackage"), { mode: "rounded" });
  const [first, second] = callsOf("listed_shapes") as [Call, Call];
  const mixed = session.run({ ...first.inputs, y: second.inputs.y as HostTensors[string] });
  await expect(mixed).rejects.toMatchObject({
    kind: "usage",
    diagnostics: [
      {
        code: "input.shapes",
        message: "x [1, 3] with y [1, 4], expected x [1, 3] with y [1, 2] or x [1, 5] with y [1, 4]",
      },
    ],
  } satisfies Partial<Record<keyof ConversionError, unknown>>);
});

describe("forms a package has", () => {
  interface Item {
    author: string;
    name: string;
    path: string;
  }
  const editManifest = (path: string, edit: (items: Record<string, Item>) => void): void => {
    const file = join(path, MANIFEST);
    const manifest = JSON.parse(readFileSync(file, "utf8")) as { itemInfoEntries: Record<string, Item> };
    edit(manifest.itemInfoEntries);
    writeFileSync(file, JSON.stringify(manifest));
  };

  test("another author, names with spaces and letters beyond ASCII", () => {
    const path = fresh(weighty, "Mein Mödell.mlpackage");
    renameSync(join(path, MODEL), join(path, dirname(MODEL), "My model.mlmodel"));
    renameSync(join(path, dirname(MODEL)), join(path, "Data", "Prüf AG"));
    editManifest(path, (items) => {
      for (const item of Object.values(items)) {
        item.author = "Prüf AG";
        item.path = item.path.replace("com.apple.CoreML", "Prüf AG").replace("model.mlmodel", "My model.mlmodel");
      }
    });
    expect(problemsOf(path)).toEqual([]);
  });

  test("items and files that no model needs", () => {
    const path = fresh(weighty);
    writeFileSync(join(path, "executorch_debug_handle_mapping.json"), "{}");
    editManifest(path, (items) => {
      items.more = { author: "a", name: "notes", path: "a/notes" };
    });
    expect(problemsOf(path)).toEqual([]);
  });

  test("a manifest that begins with a byte order mark", () => {
    const path = fresh(weighty);
    writeFileSync(join(path, MANIFEST), `\uFEFF${readFileSync(join(path, MANIFEST), "utf8")}`);
    expect(problemsOf(path)).toEqual([]);
  });

  test("weights under another name, and in two files", () => {
    const path = fresh(weighty);
    const before = packageSize(path);
    const message = readMessage(path);
    const blobs = blobsIn(message);
    expect(blobs.length).toBeGreaterThan(1);
    for (const [i, blob] of blobs.entries()) blob.fileName = `@model_path/weights/weights${i % 2}.bin`;
    writeMessage(path, message);
    cpSync(join(path, WEIGHTS), join(path, dirname(WEIGHTS), "weights0.bin"));
    renameSync(join(path, WEIGHTS), join(path, dirname(WEIGHTS), "weights1.bin"));
    expect(problemsOf(path)).toEqual([]);
    expect(packageSize(path).weights).toEqual(before.weights);
    using model = readPackage(path, ops);
    const constants = [...model.program.functions.values()].flatMap((f) => f.body.nodes.flatMap((n) => n.outputs));
    const keys = constants.flatMap(({ constant: c }) => (c?.kind === "tensor" && c.data.at ? [c.data.key] : []));
    // One offset in two files is two tensors.
    expect(new Set(keys.map((key) => key.replace(/@\d+$/, ""))).size).toBe(2);
  });

  test.each(["@model_path/../../../secret", "weights/weight.bin", "@model_path/", "@model_path/weights"])(
    "weights in %s are refused",
    (fileName) => {
      const path = fresh(weighty);
      writeFileSync(join(folder, "secret"), "");
      const message = readMessage(path);
      for (const blob of blobsIn(message)) blob.fileName = fileName;
      writeMessage(path, message);
      expect(problemsOf(path)[0]?.code).toMatch(/^package\.(weights|escape|file)$/);
    },
  );

  /** Every reference to a weight file. */
  function blobsIn(message: ReturnType<typeof readMessage>): { fileName?: string }[] {
    const found: { fileName?: string }[] = [];
    const visit = (operations: readonly WireOperation[]): void => {
      for (const { attributes, blocks } of operations) {
        for (const value of Object.values(attributes ?? {})) if (value.blobFileValue) found.push(value.blobFileValue);
        for (const block of blocks ?? []) visit(block.operations ?? []);
      }
    };
    for (const f of Object.values(message.mlProgram?.functions ?? {}))
      for (const block of Object.values(f.blockSpecializations ?? {})) visit(block.operations ?? []);
    return found;
  }
});

describe("a specification alone", () => {
  const alone = (from: string): string => {
    rmSync(join(folder, "alone"), { recursive: true, force: true });
    mkdirSync(join(folder, "alone"));
    cpSync(join(from, MODEL), join(folder, "alone", "Net.mlmodel"));
    return join(folder, "alone", "Net.mlmodel");
  };
  test("is read where it needs no weights", () => {
    expect(problemsOf(alone(bare))).toEqual([]);
  });
  test("is read with the weights beside it", () => {
    const path = alone(weighty);
    expect(problemsOf(path)).toMatchObject([
      { code: "package.weights", message: "the weight file is missing", hint: expect.stringContaining(".mlpackage") },
    ]);
    cpSync(join(weighty, dirname(WEIGHTS)), join(folder, "alone", "weights"), { recursive: true });
    expect(problemsOf(path)).toEqual([]);
    expect(problemsOf(join(weighty, MODEL))).toEqual([]);
  });
});

describe("what is no package is called by its name", () => {
  test("a compiled model", () => {
    const path = join(folder, "Net.mlmodelc");
    mkdirSync(path);
    writeFileSync(join(path, "coremldata.bin"), "");
    expect(problemsOf(path)).toMatchObject([{ code: "package.kind", message: "is a compiled model (.mlmodelc)" }]);
  });
  test("a zip archive", () => {
    const path = join(folder, "Net.mlpackage.zip");
    writeFileSync(path, "PK\u0003\u0004 and so on");
    expect(problemsOf(path)).toMatchObject([{ code: "package.kind", message: "is a zip archive" }]);
  });
  test("a folder with a package in it", () => {
    const inner = fresh(bare, join("holder", "Net.mlpackage"));
    expect(problemsOf(dirname(inner))).toMatchObject([{ code: "package.manifest", hint: `give ${inner}` }]);
  });
  test.each([
    ["neuralNetworkClassifier", "is a NeuralNetwork classifier, not an ML Program", /convert_to="mlprogram"/],
    ["pipeline", "is a pipeline, not an ML Program", /each of its models/],
    ["treeEnsembleRegressor", "is a tree ensemble regressor, not an ML Program", undefined],
  ])("a %s", (kind, message, hint) => {
    const path = fresh(bare);
    const { mlProgram: _, ...rest } = readMessage(path);
    writeMessage(path, { ...rest, [kind]: {} });
    const [problem] = problemsOf(path);
    expect(problem).toMatchObject({ code: "package.kind", message });
    if (hint) expect(problem?.hint).toMatch(hint);
    cpSync(join(path, MODEL), join(folder, `${kind}.mlmodel`));
    expect(problemsOf(join(folder, `${kind}.mlmodel`))).toMatchObject([{ code: "package.kind", message }]);
  });
});

describe("in the Hub's cache", () => {
  const repository = join(folder, "models--org--name");
  const blobs = join(repository, "blobs");
  const revision = join(repository, "snapshots", "0123456789abcdef0123456789abcdef01234567");
  /** A package whose files are links, as the Hub's clients leave it. */
  function cached(): string {
    rmSync(repository, { recursive: true, force: true });
    mkdirSync(blobs, { recursive: true });
    const path = copied(weighty, join(revision, "coreml", "fp16", "Net.mlpackage"));
    for (const [i, file] of [MANIFEST, MODEL, WEIGHTS].entries()) {
      const blob = join(blobs, String(i).padStart(64, "0"));
      renameSync(join(path, file), blob);
      symlinkSync(relative(dirname(join(path, file)), blob), join(path, file));
    }
    return path;
  }
  const relinked = (path: string, file: string, to: string): void => {
    unlinkSync(join(path, file));
    symlinkSync(to, join(path, file));
  };

  test("a package is read, run and sized", async () => {
    const path = cached();
    expect(problemsOf(path)).toEqual([]);
    expect(packageSize(path)).toEqual(packageSize(weighty));
    const session = await openSession(path, { mode: "rounded" });
    expect(session.classes).toHaveLength(5);
  });
  test.each([MANIFEST, MODEL, WEIGHTS])("no other link of %s is followed", (file) => {
    const targets = [
      ["outside", join(folder, "outside")],
      ["another repository", join(folder, "models--org--other", "blobs", "0")],
      ["beside the blobs", join(repository, "refs", "main")],
      ["a name that begins alike", join(repository, "blobs-of-others", "0")],
    ] as const;
    for (const [where, target] of targets) {
      const path = cached();
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(weighty, file), target);
      relinked(path, file, target);
      expect(problemsOf(path), where).toMatchObject([{ code: "package.escape" }]);
    }
  });
  test("a blob that leads on to elsewhere is not followed", () => {
    const path = cached();
    cpSync(join(weighty, MODEL), join(folder, "outside"));
    rmSync(join(blobs, "1".padStart(64, "0")));
    symlinkSync(join(folder, "outside"), join(blobs, "1".padStart(64, "0")));
    expect(problemsOf(path)).toMatchObject([{ code: "package.escape" }]);
  });
  test("a folder that is called snapshots but is no cache has no blobs", () => {
    const path = cached();
    const other = join(folder, "org--name");
    rmSync(other, { recursive: true, force: true });
    renameSync(repository, other);
    expect(problemsOf(path.replace(repository, other))).toMatchObject([{ code: "package.escape" }]);
  });
});
