/**
 * Spotify's Basic Pitch ships one model twice: as a Core ML package and as an ONNX file. Runs both on the same windows
 * of audio and prints the largest difference of each output; fails above 1e-4.
 *
 * usage: node bench/basic-pitch/compare.mjs      (needs `npm run build`, Python with pip, and PyPI)
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { openModel } from "../../dist/index.js";

const WHEEL = "basic-pitch==0.4.0";
const MODELS = "basic_pitch/saved_models/icassp_2022";
const RATE = 22050;
const SAMPLES = 43844;
const TOLERANCE = 1e-4;
/** What the outputs are: their names in the package and in the ONNX file, as `basic_pitch/inference.py` has them. */
const OUTPUTS = {
  contour: ["Identity", "StatefulPartitionedCall:0"],
  note: ["Identity_1", "StatefulPartitionedCall:1"],
  onset: ["Identity_2", "StatefulPartitionedCall:2"],
};

/** A sequence that looks random and is the same each time (a linear congruential generator), from -1 to 1. */
function noise() {
  let state = 1;
  return () => {
    state = (1664525 * state + 1013904223) % 2 ** 32;
    return state / 2 ** 31 - 1;
  };
}

const random = noise();
const windows = {
  "sine mix": (i) => [220, 277.18, 329.63].reduce((sum, f) => sum + 0.2 * Math.sin((2 * Math.PI * f * i) / RATE), 0),
  noise: () => 0.5 * random(),
  "almost silence": () => 1e-4 * random(),
  silence: () => 0,
};
/**
 * Where nothing sounds, the spectrogram is scaled by 0 / 0: TensorFlow's `div_no_nan`, which the ONNX file kept, became
 * `real_div` in the package. Its outputs are no numbers then, and that is right.
 */
const UNDEFINED = new Set(["silence"]);

const largestDifference = (a, b) => a.reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i])), 0);
const largest = (a) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

const folder = mkdtempSync(join(tmpdir(), "basic-pitch-"));
let model;
try {
  const python = process.platform === "win32" ? "python" : "python3";
  const quiet = { stdio: ["ignore", "ignore", "inherit"] };
  execFileSync(python, ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL], quiet);
  const [wheel] = readdirSync(folder);
  execFileSync(python, ["-m", "zipfile", "-e", join(folder, wheel), folder], quiet);
  const onnx = await InferenceSession.create(join(folder, MODELS, "nmp.onnx"));
  model = await openModel(join(folder, MODELS, "nmp.mlpackage"));
  const [{ name }] = model.interface.inputs;
  for (const [label, sample] of Object.entries(windows)) {
    const data = Float32Array.from({ length: SAMPLES }, (_, i) => sample(i));
    const shape = [1, SAMPLES, 1];
    const { outputs } = await model.predict({ [name]: { dtype: "fp32", shape, data } });
    const expected = await onnx.run({ [onnx.inputNames[0]]: new Tensor("float32", data, shape) });
    for (const [output, [ours, theirs]] of Object.entries(OUTPUTS)) {
      const reference = expected[theirs].data;
      const { shape: size, data: given } = outputs[ours];
      const title = `${label}: ${output} [${size.join(", ")}]`;
      if (UNDEFINED.has(label)) {
        const isUndefined = given.every(Number.isNaN);
        console.log(`${title}: ${isUndefined ? "0 / 0 in the package, not compared" : "expected 0 / 0"}`);
        if (!isUndefined) process.exitCode = 1;
        continue;
      }
      const error = largestDifference(given, reference);
      const figures = `max |difference| ${error.toExponential(2)}, max |reference| ${largest(reference).toPrecision(3)}`;
      console.log(`${title}: ${figures}`);
      if (!(error <= TOLERANCE) || given.length !== reference.length) process.exitCode = 1;
    }
  }
} finally {
  model?.close();
  rmSync(folder, { recursive: true, force: true });
}
