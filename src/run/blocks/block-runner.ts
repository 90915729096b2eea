import { InferenceSession, type Tensor } from "onnxruntime-node";
import { ConversionError, type Diagnostic, fail } from "../../diagnostics.ts";
import type { OnnxBlock } from "./onnx-blocks.ts";

/** By name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Runs several calls, given by their inputs, and says what became of each: one that fails does not end the others. */
export type RunCalls = (calls: readonly (() => Tensors)[]) => Promise<readonly PromiseSettledResult<Tensors>[]>;

/** A call on its way through the blocks. */
interface RunningCall {
  /** What blocks to come read, and outputs. */
  readonly values: Map<string, Tensor>;
  failure?: PromiseRejectedResult;
}

/**
 * Blocks ready to run. A single one is opened at once and stays open. Of several, each is opened, takes all calls and
 * is released before the next is opened, so that the weights of one are in memory and calls share the opening.
 * @param path what an error names
 * @throws ConversionError `run.load`, of several blocks when they are run; calls end with `run.failed`
 */
export async function openBlocks(blocks: readonly OnnxBlock[], path: string): Promise<RunCalls> {
  const lastReader = new Map(blocks.flatMap(({ inputs }, i) => inputs.map((name) => [name, i] as const)));
  const outputs = blocks.flatMap((b) => b.outputs).filter((name) => !lastReader.has(name));
  const kept = blocks.length === 1 ? await load(blocks[0] as OnnxBlock, path) : undefined;
  return async (calls) => {
    const running = calls.map(begun);
    for (const [i, block] of blocks.entries()) {
      const session = kept ?? (await load(block, path));
      for (const call of running) {
        await advance(call, session, block);
        for (const name of call.values.keys())
          if ((lastReader.get(name) ?? blocks.length) <= i) call.values.delete(name);
      }
      if (session !== kept) await session.release();
    }
    return running.map(({ values, failure }) => failure ?? { status: "fulfilled", value: picked(values, outputs) });
  };
}

function begun(inputs: () => Tensors): RunningCall {
  try {
    return { values: new Map(Object.entries(inputs())) };
  } catch (reason) {
    return { values: new Map(), failure: { status: "rejected", reason } };
  }
}

async function advance(call: RunningCall, session: InferenceSession, block: OnnxBlock): Promise<void> {
  if (call.failure) return;
  const { values } = call;
  try {
    const results = await session.run(picked(values, block.inputs));
    for (const [name, tensor] of Object.entries(results)) values.set(name, tensor);
  } catch (cause) {
    // Indices beyond a tensor, sizes that do not fit: what no reading of a program can tell.
    const message = `ONNX Runtime stopped: ${(cause as Error).message}`;
    const failed: Diagnostic = { code: "run.failed", severity: "error", message };
    call.failure = { status: "rejected", reason: new ConversionError("validation", [failed], { cause }) };
  }
}

const picked = (values: ReadonlyMap<string, Tensor>, names: readonly string[]): Tensors =>
  Object.fromEntries(names.map((name) => [name, values.get(name) as Tensor]));

async function load({ onnx, folder }: OnnxBlock, path: string): Promise<InferenceSession> {
  const weights = folder === undefined ? {} : { model_external_initializers_file_folder_path: folder };
  try {
    return await InferenceSession.create(onnx, {
      logSeverityLevel: 3,
      // Packed copies of the weights would double the memory of a run.
      extra: { session: { ...weights, disable_prepacking: "1" } },
    });
  } catch (cause) {
    const message = `ONNX Runtime refused the lowered graph: ${(cause as Error).message}`;
    return fail("validation", "run.load", message, { path });
  }
}
