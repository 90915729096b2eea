/**
 * Converts the embedded example, a vision transformer trained on handwritten digits, validates the package and lets it
 * read a digit that it has never seen.
 *
 * usage: npm run demo [number of the held-out image, 0 to 59]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors } from "../dist/checkpoint/safetensors.js";
import { writeSafetensors } from "../dist/checkpoint/write-safetensors.js";
import { valuesOf } from "../dist/tensor/memory.js";
import { reshaped, sliced } from "../dist/tensor/views.js";

const root = join(import.meta.dirname, "..");
const example = "examples/digits-vit";
const folder = mkdtempSync(join(tmpdir(), "coreml-export-demo-"));
const SHADES = " .:-=+*#%@";

/** Shows a command as it would be typed, runs it, and returns what it printed. */
function run(args, { quiet = false } = {}) {
  console.log(`\n$ coreml-export ${args.join(" ").replaceAll(folder, "exported")}`);
  const { status, stdout } = spawnSync(process.execPath, [join(root, "dist/shells/cli.js"), ...args], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (!quiet) process.stdout.write(stdout.replaceAll(folder, "exported"));
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

/** A gray image [1, 3, H, W] as characters, two wide. */
function draw(image) {
  const [, , height, width] = image.shape;
  const pixels = valuesOf(image);
  for (let y = 0; y < height; y++) {
    const row = Array.from(
      { length: width },
      (_, x) => SHADES[Math.floor((pixels[y * width + x] / 256) * SHADES.length)],
    );
    console.log(`    ${row.map((c) => c + c).join("")}`);
  }
}

const heldOut = openSafetensors(join(root, example, "heldout/heldout.safetensors"));
try {
  run(["-m", `${example}/model`, "--feature", "image-classification", folder]);

  const [images, labels] = [heldOut.get("image"), heldOut.get("label")];
  const index = Number(process.argv[2] ?? 7);
  if (!(Number.isInteger(index) && index >= 0 && index < images.shape[0]))
    throw new RangeError(`images 0 to ${images.shape[0] - 1}`);
  const image = reshaped(sliced(images, 0, index, index + 1), [1, ...images.shape.slice(1)]);
  const input = join(folder, "digit.safetensors");
  writeSafetensors(input, new Map([["image", image]]));
  console.log(`\nHeld-out image ${index}:\n`);
  draw(image);

  const output = join(folder, "out.safetensors");
  const printed = run(["predict", join(folder, "Model.mlpackage"), "--inputs", input, "--output", output, "--json"], {
    quiet: true,
  });
  const names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
  const truth = names[valuesOf(labels)[index]];
  const { label } = JSON.parse(printed);
  console.log(`predicted: ${label}\nlabelled:  ${truth}`);
  if (label !== truth) process.exitCode = 1;
} finally {
  heldOut.close();
  rmSync(folder, { recursive: true, force: true });
}
