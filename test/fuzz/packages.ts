import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Random } from "./random.ts";
import type { Subject } from "./subject.ts";

export const MANIFEST = "Manifest.json";
export const SPECIFICATION = "Data/com.apple.CoreML/model.mlmodel";
export const WEIGHT_FILE = "Data/com.apple.CoreML/weights/weight.bin";

const corpus = fileURLToPath(new URL("../corpus/", import.meta.url));

/** Packages with what few operations have: blocks, states, functions, images, labels, compressed weights, lists. */
const structured = [
  "models/stateful_decoder_ios18_fp16",
  "models/functions_ios18_fp32",
  "models/enumerated_shapes_ios17_fp16",
  "models/image_rgb_ios15_fp32",
  "models/image_gray_ios17_fp16",
  "models/optional_input_ios15_fp32",
  "models/bert_flexible_ios17_fp16",
  "constexpr_lut_to_dense/4bit_blocks_ios18_fp16",
  "cond/nested_ios17_fp16",
  "while_loop/double_ios17_fp16",
];

/** Files by their path below a folder, written with forward slashes. */
function filesOf(folder: string): ReadonlyMap<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  return new Map(
    entries
      .map((e) => join(e.parentPath, e.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(path)]),
  );
}

let names: readonly string[] | undefined;

/** Paths of all packages of the corpus, without their ending. */
function allNames(): readonly string[] {
  const index = JSON.parse(readFileSync(join(corpus, "index.json"), "utf8")) as readonly { package: string }[];
  names ??= index.map((c) => c.package.replace(/\.mlpackage$/, ""));
  return names;
}

const read = new Map<string, Subject>();

function subjectOf(name: string): Subject {
  const subject = read.get(name) ?? { name, files: filesOf(join(corpus, `${name}.mlpackage`)) };
  read.set(name, subject);
  return subject;
}

/** A package that holds `file`: of a rich structure, or as often any of the corpus. */
export function packageWith(file: string, random: Random): Subject {
  for (;;) {
    const subject = subjectOf(random.chance(0.5) ? random.pick(structured) : random.pick(allNames()));
    if (subject.files.has(file)) return subject;
  }
}
