import { dirname } from "node:path/posix";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Folder } from "../../checkpoint/folder.ts";
import { fail } from "../../diagnostics.ts";
import { halfBits, halfValue } from "../../tensor/half.ts";
import type { HostTensor, HostTensors } from "../host-tensor.ts";
import { elementType } from "../onnx-schema.ts";
import type { Prediction } from "../session.ts";
import { scanOnnxFile } from "./scan.ts";

/** An ONNX file in the folder of a checkpoint. */
export interface OnnxFileLocation {
  /** Absolute. */
  readonly folder: string;
  /** Below the folder, with forward slashes: `onnx/model.onnx`. */
  readonly name: string;
}

/** An input or output of an ONNX file. */
export interface OnnxFeature {
  readonly name: string;
  /** As ONNX Runtime calls it: `int64`, `float32`, `float16`, `bool`, … */
  readonly type: string;
  /** A size, or null where any will do; empty for a scalar and where the file does not say. */
  readonly shape: readonly (number | null)[];
}

/** What an ONNX file takes and gives, and in what its weights are stored. */
export interface OnnxSignature {
  readonly inputs: readonly OnnxFeature[];
  readonly outputs: readonly OnnxFeature[];
  /** Types of weights that hold less than 32 bits: the file does not compute what the checkpoint's float32 would. */
  readonly narrowTypes: readonly string[];
}

export interface OnnxFileSession {
  readonly signature: OnnxSignature;
  /**
   * Numbers are converted to the types of the file's inputs, and from those of its outputs; those of other types are
   * left out.
   * @throws ConversionError `reference.onnx.type`, `reference.onnx.run`
   */
  run(inputs: HostTensors): Promise<Prediction>;
}

/**
 * Opens an ONNX file somebody else made. It is mapped or read by ONNX Runtime, never as a whole by this program; operators
 * beyond ONNX Runtime's own are refused, and so is data outside the checkpoint's folder.
 * @throws ConversionError `reference.onnx.malformed`, `reference.onnx.external`, `reference.onnx.load`
 */
export async function openOnnxFile(location: OnnxFileLocation): Promise<OnnxFileSession> {
  const folder = new Folder(location.folder);
  const path = folder.file(location.name) ?? missing(location.name, location.name);
  const { externalLocations, elementTypes } = scanOnnxFile(path, location.name);
  for (const place of externalLocations) requireInside(folder, location.name, place);
  const session = await load(path, location.name);
  const inputs = session.inputMetadata.map(featureOf);
  const outputs = session.outputMetadata.map(featureOf);
  const narrow = Object.entries(narrowTypes).filter(([, type]) => elementTypes.has(type));
  return {
    signature: { inputs, outputs, narrowTypes: narrow.map(([name]) => name) },
    async run(given) {
      const feeds = inputs.flatMap(({ name, type }) => {
        const value = given[name];
        return value ? [[name, tensorAs(type, value, name)] as const] : [];
      });
      const results = await running(session.run(Object.fromEntries(feeds)), location.name, path);
      return { outputs: numbersOf(results) };
    },
  };
}

/** https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: `TensorProto.DataType` of compressed weights. */
const narrowTypes: Readonly<Record<string, number>> = {
  uint8: elementType.uint8,
  int8: elementType.int8,
  float16: elementType.float16,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

/** ONNX Runtime refuses what leads out too; it does not say so of data that no initializer of the main graph names. */
function requireInside(folder: Folder, model: string, place: string): void {
  const refuse = (why: string): never =>
    fail("unreadable", "reference.onnx.external", `keeps data in ${JSON.stringify(place)}, ${why}`, {
      path: model,
      hint: "external data must lie in the folder of the file",
    });
  const plain = place.replace(/^\.\//, "");
  let path: string | undefined;
  try {
    path = folder.file(dirname(model) === "." ? plain : `${dirname(model)}/${plain}`);
  } catch {
    refuse("which leads out of its folder");
  }
  if (path === undefined) refuse("which is not there");
}

const missing = (name: string, path: string): never =>
  fail("unreadable", "reference.onnx.missing", `there is no ${name} in the checkpoint's folder`, { path });

async function load(path: string, name: string): Promise<InferenceSession> {
  try {
    // Packed copies of the weights would double the memory of a run.
    return await InferenceSession.create(path, {
      logSeverityLevel: 3,
      extra: { session: { disable_prepacking: "1" } },
    });
  } catch (cause) {
    const message = `ONNX Runtime refused it: ${explained(cause, path, name)}`;
    return fail("validation", "reference.onnx.load", message, { path: name });
  }
}

async function running<T>(call: Promise<T>, name: string, path: string): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    const message = `ONNX Runtime could not run it: ${explained(cause, path, name)}`;
    return fail("validation", "reference.onnx.run", message, { path: name });
  }
}

/** Messages of ONNX Runtime hold the whole path, which says nothing elsewhere, and places in its own sources. */
const explained = (cause: unknown, path: string, name: string): string =>
  (cause as Error).message
    .replaceAll(path, name)
    .replaceAll(/\/onnxruntime_src\/\S+ /g, "")
    .trim();

function featureOf(described: InferenceSession.ValueMetadata): OnnxFeature {
  const { name } = described;
  if (!described.isTensor) return { name, type: "no tensor", shape: [] };
  const shape = described.shape.map((d) => (typeof d === "number" && d >= 0 ? d : null));
  return { name, type: described.type, shape };
}

function tensorAs(type: string, { data, shape }: HostTensor, name: string): Tensor {
  const numbers: ArrayLike<number> = data;
  switch (type) {
    case "float32":
      return new Tensor(type, Float32Array.from(numbers), shape);
    case "float64":
      return new Tensor(type, Float64Array.from(numbers), shape);
    case "float16":
      return new Tensor(type, Uint16Array.from(numbers, halfBits), shape);
    case "int32":
      return new Tensor(type, Int32Array.from(numbers), shape);
    case "int64":
      return new Tensor(type, BigInt64Array.from(Array.from(numbers, BigInt)), shape);
    case "bool":
      return new Tensor(
        type,
        Uint8Array.from(numbers, (v) => Number(v !== 0)),
        shape,
      );
    default:
      return fail("unsupported", "reference.onnx.type", `input '${name}' has type ${type}`);
  }
}

function numbersOf(results: InferenceSession.ReturnType): Record<string, HostTensor> {
  const numbers = Object.entries(results).flatMap(([name, t]) => {
    const tensor = hostTensorOf(t);
    return tensor ? [[name, tensor] as const] : [];
  });
  return Object.fromEntries(numbers);
}

function hostTensorOf({ type, dims, data }: Tensor): HostTensor | undefined {
  const shape = [...dims];
  switch (type) {
    case "float32":
      return { dtype: "fp32", shape, data: data as Float32Array };
    case "float64":
      return { dtype: "fp32", shape, data: Float32Array.from(data as Float64Array) };
    case "float16":
      return { dtype: "fp32", shape, data: Float32Array.from(data as unknown as Uint16Array, halfValue) };
    case "int32":
      return { dtype: "int32", shape, data: data as Int32Array };
    case "int64":
      return { dtype: "int32", shape, data: Int32Array.from(data as BigInt64Array, Number) };
    case "bool":
      return { dtype: "int32", shape, data: Int32Array.from(data as Uint8Array) };
    default:
      return undefined;
  }
}
