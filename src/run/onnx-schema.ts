// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: the fields the executor writes, opset 21.
import protobuf from "protobufjs/light.js";

export const IR_VERSION = 10;
export const OPSET = 21;
/** `AttributeProto.AttributeType` */
export const attributeType = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;
/** `TensorProto.DataLocation` */
export const EXTERNAL = 1;
/** `TensorProto.DataType` of what a weight file or a graph holds. */
export const elementType = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const;

export interface OnnxTensor {
  name: string;
  dims: number[];
  dataType: number;
  rawData?: Uint8Array;
  externalData?: { key: string; value: string }[];
  dataLocation?: number;
}
export interface OnnxAttributeMessage {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  g?: OnnxGraphMessage;
  ints?: number[];
}
export interface OnnxNode {
  name: string;
  opType: string;
  input: string[];
  output: string[];
  attribute: OnnxAttributeMessage[];
}
export interface OnnxValueInfo {
  name: string;
  /** A subgraph's results need no type. */
  type?: { tensorType: { elemType: number; shape?: { dim: { dimValue?: number; dimParam?: string }[] } } };
}
export interface OnnxGraphMessage {
  name: string;
  node: OnnxNode[];
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
}

const field = (id: number, type: string, repeated = false): protobuf.IField => ({
  id,
  type,
  ...(repeated ? { rule: "repeated" } : {}),
});
let root: protobuf.Root | undefined;

export function encodeOnnx(graph: OnnxGraphMessage): Uint8Array {
  root ??= protobuf.Root.fromJSON({
    nested: {
      ModelProto: {
        fields: {
          irVersion: field(1, "int64"),
          producerName: field(2, "string"),
          graph: field(7, "GraphProto"),
          opsetImport: field(8, "OperatorSetIdProto", true),
        },
      },
      OperatorSetIdProto: { fields: { domain: field(1, "string"), version: field(2, "int64") } },
      GraphProto: {
        fields: {
          node: field(1, "NodeProto", true),
          name: field(2, "string"),
          initializer: field(5, "TensorProto", true),
          input: field(11, "ValueInfoProto", true),
          output: field(12, "ValueInfoProto", true),
        },
      },
      NodeProto: {
        fields: {
          input: field(1, "string", true),
          output: field(2, "string", true),
          name: field(3, "string"),
          opType: field(4, "string"),
          attribute: field(5, "AttributeProto", true),
        },
      },
      AttributeProto: {
        fields: {
          name: field(1, "string"),
          f: field(2, "float"),
          i: field(3, "int64"),
          s: field(4, "bytes"),
          g: field(6, "GraphProto"),
          ints: field(8, "int64", true),
          type: field(20, "int32"),
        },
      },
      TensorProto: {
        fields: {
          dims: field(1, "int64", true),
          dataType: field(2, "int32"),
          name: field(8, "string"),
          rawData: field(9, "bytes"),
          externalData: field(13, "StringStringEntryProto", true),
          dataLocation: field(14, "int32"),
        },
      },
      StringStringEntryProto: { fields: { key: field(1, "string"), value: field(2, "string") } },
      ValueInfoProto: { fields: { name: field(1, "string"), type: field(2, "TypeProto") } },
      TypeProto: { fields: { tensorType: field(1, "TypeTensor") } },
      TypeTensor: { fields: { elemType: field(1, "int32"), shape: field(2, "TensorShapeProto") } },
      TensorShapeProto: { fields: { dim: field(1, "Dimension", true) } },
      Dimension: { fields: { dimValue: field(1, "int64"), dimParam: field(2, "string") } },
    },
  });
  const message = {
    irVersion: IR_VERSION,
    producerName: "coreml-export",
    graph,
    opsetImport: [{ domain: "", version: OPSET }],
  };
  return root.lookupType("ModelProto").encode(message).finish();
}
