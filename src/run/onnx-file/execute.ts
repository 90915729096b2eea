import { type Limits, startProcess } from "../execute.ts";
import type { HostTensors } from "../host-tensor.ts";
import type { OnnxFileLocation, OnnxSignature } from "./onnx-file.ts";

/** Somebody else's ONNX file, running in a process of its own. */
export interface OnnxFileExecution {
  readonly signature: OnnxSignature;
  /** All its outputs. @throws ConversionError `reference.onnx.*`, `run.time`, `run.crash` */
  run(inputs: HostTensors): Promise<HostTensors>;
  close(): void;
}

/**
 * Opens an ONNX file in a child process.
 * @throws ConversionError `reference.onnx.*` when it cannot be read or loaded, `run.time`, `run.crash`
 */
export async function executeOnnxFile(file: OnnxFileLocation, limits: Limits): Promise<OnnxFileExecution> {
  const { request, close } = startProcess(file.name, limits);
  try {
    const opened = await request({ kind: "open-onnx", file });
    if (opened.kind !== "opened-onnx") throw new TypeError(`unexpected reply '${opened.kind}'`);
    return {
      signature: opened.signature,
      async run(inputs) {
        const ran = await request({ kind: "run", inputs });
        if (ran.kind !== "ran") throw new TypeError(`unexpected reply '${ran.kind}'`);
        return ran.prediction.outputs;
      },
      close,
    };
  } catch (cause) {
    close();
    throw cause;
  }
}
