/** Protobuf by hand, so that what no encoder would write can be written too. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */

type Bytes = Uint8Array;

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];

export const joined = (...parts: readonly Bytes[]): Bytes => new Uint8Array(Buffer.concat(parts));

export const int = (id: number, value: number): Bytes => Uint8Array.from([...varint(id * 8), ...varint(value)]);

/** A message, text or bytes. `length` may lie. */
export function sized(id: number, content: Bytes | string, length?: number): Bytes {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return joined(Uint8Array.from([...varint(id * 8 + 2), ...varint(length ?? bytes.length)]), bytes);
}

export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 };
type ElementType = keyof typeof elementTypes;

/** An input or output; a size is a number or, where any will do, a name. */
export function feature(name: string, type: ElementType, shape: readonly (number | string)[]): Bytes {
  const dims = shape.map((d) => sized(1, typeof d === "number" ? int(1, d) : sized(2, d)));
  const tensorType = joined(int(1, elementTypes[type]), sized(2, joined(...dims)));
  return joined(sized(1, name), sized(2, sized(1, tensorType)));
}

/** A tensor of one dimension, its values in the file, or where `external` says. */
export function tensor(
  name: string,
  type: ElementType,
  values: Float32Array | BigInt64Array,
  external?: string,
): Bytes {
  const entry = (key: string, value: string): Bytes => sized(13, joined(sized(1, key), sized(2, value)));
  const data =
    external === undefined ? sized(9, new Uint8Array(values.buffer)) : joined(entry("location", external), int(14, 1));
  return joined(int(1, values.length), int(2, elementTypes[type]), sized(8, name), data);
}

/** `AttributeProto.AttributeType`, and the field that holds such a value. */
export const attribute = {
  int: (name: string, value: number): Bytes => joined(sized(1, name), int(3, value), int(20, 2)),
  tensor: (name: string, value: Bytes): Bytes => joined(sized(1, name), sized(5, value), int(20, 4)),
  graph: (name: string, value: Bytes): Bytes => joined(sized(1, name), sized(6, value), int(20, 5)),
};

export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Bytes[] = [],
  domain?: string,
): Bytes =>
  joined(
    ...inputs.map((name) => sized(1, name)),
    ...outputs.map((name) => sized(2, name)),
    sized(4, op),
    ...attributes.map((a) => sized(5, a)),
    ...(domain === undefined ? [] : [sized(7, domain)]),
  );

export interface GraphParts {
  readonly nodes?: readonly Bytes[];
  readonly initializers?: readonly Bytes[];
  readonly inputs?: readonly Bytes[];
  readonly outputs?: readonly Bytes[];
}

export const graph = ({ nodes = [], initializers = [], inputs = [], outputs = [] }: GraphParts): Bytes =>
  joined(
    ...nodes.map((n) => sized(1, n)),
    sized(2, "graph"),
    ...initializers.map((t) => sized(5, t)),
    ...inputs.map((f) => sized(11, f)),
    ...outputs.map((f) => sized(12, f)),
  );

/** A whole file, of opset 17. */
export const model = (parts: GraphParts): Bytes =>
  joined(int(1, 8), sized(7, graph(parts)), sized(8, joined(sized(1, ""), int(2, 17))));
