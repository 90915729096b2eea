import { CARD, CONFIG, checkpointWith, INDEX, PROCESSOR, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS } from "./checkpoints.ts";
import type { Kind, Mutate } from "./kind.ts";
import type { KindName } from "./kind-names.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateJson } from "./mutate-json.ts";
import { mutateMessage } from "./mutate-message.ts";
import { mutateSafetensors } from "./mutate-safetensors.ts";
import { mutateWeightFile } from "./mutate-weight-file.ts";
import { mutateWire } from "./mutate-wire.ts";
import { MANIFEST, packageWith, SPECIFICATION, WEIGHT_FILE } from "./packages.ts";
import { useCheckpoint } from "./use-checkpoint.ts";
import { usePackage } from "./use-package.ts";

/** How often bytes are changed blindly, where there is something better. */
const BLINDLY = 0.2;
const blindlyToo =
  (mutate: Mutate): Mutate =>
  (bytes, random) =>
    random.chance(BLINDLY) ? mutateBytes(mutate(bytes, random), random) : mutate(bytes, random);

const json = blindlyToo((bytes, random) => mutateJson(bytes.toString(), random));

const ofCheckpoint = (file: string, mutate: Mutate, converted = 1, executed = 0.005): Kind => ({
  file,
  subject: (random) => checkpointWith(file, random),
  mutate,
  converted,
  executed,
  use: useCheckpoint,
});
const ofPackage = (file: string, mutate: Mutate, executed = 0.05): Kind => ({
  file,
  subject: (random) => packageWith(file, random),
  mutate,
  executed,
  use: (_, use) => usePackage(use),
});

export const kinds: Readonly<Record<KindName, Kind>> = {
  safetensors: ofCheckpoint(WEIGHTS, mutateSafetensors),
  index: ofCheckpoint(INDEX, json),
  config: ofCheckpoint(CONFIG, json),
  preprocessor: ofCheckpoint(PROCESSOR, json),
  tokenizer: ofCheckpoint(TOKENIZER, json, 0.1, 0.05),
  "tokenizer-config": ofCheckpoint(TOKENIZER_CONFIG, json, 0.1, 0.03),
  card: ofCheckpoint(CARD, mutateBytes, 0.2),
  manifest: ofPackage(MANIFEST, json),
  specification: ofPackage(
    SPECIFICATION,
    blindlyToo((bytes, random) => (random.chance(0.25) ? mutateWire(bytes, random) : mutateMessage(bytes, random))),
    0.1,
  ),
  "weight-file": ofPackage(WEIGHT_FILE, mutateWeightFile),
};
