/**
 * Names that inputs and outputs have in packages of others: the 2023 exporter's, swift-transformers', and what people
 * write when they convert a traced model by hand. All are compared without case and punctuation.
 */

/** `input_ids`, `inputIds` and `Input-IDs` are one name. */
export const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** What a tracer puts behind a name that was taken: `input_ids_1`, `logits.2`. */
const withoutCounter = (name: string): string => name.replace(/[._]\d+$/, "");

/** By the key of a plan. The key itself need not be listed. */
const inputNames: Readonly<Record<string, readonly string[]>> = {
  input_ids: ["ids", "tokens", "tokenids", "inputtokens", "inputtokenids", "inputid", "input", "x"],
  attention_mask: ["mask", "attnmask", "inputmask", "paddingmask"],
  token_type_ids: ["tokentypes", "segments", "segmentids", "typeids"],
  image: ["pixelvalues", "pixels", "images", "inputimage", "input", "x"],
  bool_masked_pos: ["mask", "maskedpositions", "patchmask"],
};

const outputNames: Readonly<Record<string, readonly string[]>> = {
  last_hidden_state: [
    "hiddenstates",
    "hiddenstate",
    "lasthiddenstates",
    "encoderlasthiddenstate",
    "sequenceoutput",
    "tokenembeddings",
  ],
  pooler_output: ["pooleroutputs", "pooledoutput", "pooled", "pooler"],
  logits: ["tokenscores", "scores", "probabilities", "probs", "predictions", "logit"],
  start_logits: ["startscores", "startprobabilities", "start"],
  end_logits: ["endscores", "endprobabilities", "end"],
};

const known = (table: Readonly<Record<string, readonly string[]>>, key: string): readonly string[] =>
  Object.hasOwn(table, key) ? (table[key] ?? []) : [];

/** Whether a name is exactly the key but for its spelling. */
export const isKey = (name: string, key: string): boolean =>
  [name, withoutCounter(name)].some((n) => plainName(n) === plainName(key));

/** Whether a name is one of those that stand for an input. */
export const isInputName = (name: string, key: string): boolean =>
  isKey(name, key) || [name, withoutCounter(name)].some((n) => known(inputNames, key).includes(plainName(n)));

/** Whether a name is one of those that stand for an output. */
export const isOutputName = (name: string, key: string): boolean =>
  isKey(name, key) || [name, withoutCounter(name)].some((n) => known(outputNames, key).includes(plainName(n)));

/** Whether a name is that of positions, which our graphs count themselves. */
export const isPositions = (name: string): boolean =>
  ["positionids", "positions", "positionid"].includes(plainName(withoutCounter(name)));

/**
 * Whether a name promises values between 0 and 1 (`token_scores`, `probabilities`) or raw ones (`logits`). Undefined: it
 * says nothing, as `var_123` does.
 */
export function promiseOf(name: string): "probabilities" | "raw" | undefined {
  const plain = plainName(withoutCounter(name));
  if (/logits?$/.test(plain)) return "raw";
  if (/(^|class|label|start|end|output|score)prob(s|abilit(y|ies))$/.test(plain)) return "probabilities";
  return ["tokenscores", "startscores", "endscores", "softmax"].includes(plain) ? "probabilities" : undefined;
}
