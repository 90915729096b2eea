import type { HostTensor } from "../../run/host-tensor.ts";

/** Model types whose tokens stand behind the padding id, padding itself not counted. */
const behindPadding: ReadonlySet<string> = new Set([
  "camembert",
  "data2vec-text",
  "longformer",
  "mpnet",
  "roberta",
  "xlm-roberta",
  "xlm-roberta-xl",
]);

/**
 * `position_ids` [..., S] of a call that brings none, as the model type makes them: counted on from the past whatever the
 * mask says, or as `create_position_ids_from_input_ids` does.
 * https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/models/roberta/modeling_roberta.py
 * @param past how many tokens stand before those of the call
 * @param paddingId default 1, RoBERTa's
 */
export function onnxPositions(modelType: string, ids: HostTensor, past: number, paddingId = 1): HostTensor {
  const length = ids.shape.at(-1) ?? 0;
  const data = new Int32Array(ids.data.length);
  let before = past;
  for (let i = 0; i < data.length; i++) {
    if (i % length === 0) before = past;
    if (!behindPadding.has(modelType)) data[i] = before++;
    else data[i] = ids.data[i] === paddingId ? paddingId : ++before + paddingId;
  }
  return { dtype: "int32", shape: ids.shape, data };
}
