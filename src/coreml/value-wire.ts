import { fail } from "../diagnostics.ts";
import type { Dim } from "../mil/dim.ts";
import { isAtLeast, type Target } from "../mil/opset.ts";
import type { Value } from "../mil/program.ts";
import { type ListType, type TensorType, type Type, tensorType } from "../mil/types.ts";
import { bitsOf, byteLength, type DType, elementCount } from "../tensor/dtype.ts";
import { integerRange } from "../tensor/elements.ts";
import { tensorOf, valuesOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { blobCode, milCode, milDType } from "./dtypes.ts";
import { integer, type WireDimension, type WireTensorValue, type WireType, type WireValue } from "./wire.ts";

// ---- types

export function writeType(t: Type): WireType {
  switch (t.kind) {
    case "tensor":
      return {
        tensorType: {
          dataType: milCode(t.dtype),
          ...(t.shape.length > 0 ? { rank: t.shape.length, dimensions: t.shape.map(writeDim) } : {}),
        },
      };
    case "list":
      return {
        listType: {
          type: writeType(t.element),
          length: t.length === undefined ? { unknown: {} } : { constant: { size: t.length } },
        },
      };
    case "dict":
      return {
        dictionaryType: { keyType: writeType(tensorType(t.key, [])), valueType: writeType(tensorType(t.value, [])) },
      };
    case "state":
      return { stateType: { wrappedType: writeType(t.of) } };
  }
}

const writeDim = (d: Dim): WireDimension =>
  typeof d === "number" ? { constant: d === 0 ? {} : { size: d } } : { unknown: {} };

/** `fresh` gives each dimension the wire leaves open a name. @throws ConversionError `package.type` */
export function readType(wire: WireType | undefined, fresh: (axis: number) => Dim, where: string): Type {
  const broken = (what: string): never => fail("unreadable", "package.type", what, { path: where });
  const tensor = (w: WireType | undefined): TensorType => {
    const t = readType(w, fresh, where);
    return t.kind === "tensor" ? t : broken(`a ${t.kind} inside another type`);
  };
  if (wire?.tensorType) {
    const { dataType = 0, dimensions = [], rank } = wire.tensorType;
    if (integer(rank) !== dimensions.length) broken(`rank ${integer(rank)} with ${dimensions.length} dimensions`);
    const dtype = milDType(dataType) ?? broken(`element type ${dataType} is unknown`);
    return tensorType(
      dtype,
      dimensions.map((d, i) => (d.constant ? integer(d.constant.size) : fresh(i))),
    );
  }
  if (wire?.listType) {
    const length = wire.listType.length?.constant;
    return { kind: "list", element: tensor(wire.listType.type), length: length ? integer(length.size) : undefined };
  }
  if (wire?.dictionaryType)
    return {
      kind: "dict",
      key: tensor(wire.dictionaryType.keyType).dtype,
      value: tensor(wire.dictionaryType.valueType).dtype,
    };
  if (wire?.stateType) return { kind: "state", of: tensor(wire.stateType.wrappedType) };
  return broken("a value has a type this program does not know");
}

// ---- values

/** The one weight file of a package that is written. */
const WEIGHT_FILE = "@model_path/weights/weight.bin";
/** Fewer elements than this stay in the protobuf, as coremltools has it. */
const MIN_BLOB = 10;
const inBlobAlways: ReadonlySet<DType> = new Set(["fp16", "fp32", "int8", "uint8"]);

/** Whether a constant stands in the weight file. Integers do only from iOS18 on; booleans and strings never. */
function standsInBlob(v: Value, data: LazyTensor, target: Target): boolean {
  if (v.constant?.kind === "tensor" && v.constant.storage) return v.constant.storage === "blob";
  if (data.shape.length === 0 || elementCount(data.shape) < MIN_BLOB || blobCode(data.dtype) === undefined)
    return false;
  return inBlobAlways.has(data.dtype) || isAtLeast(target, "iOS18");
}

export const scalarString = (text: string): WireValue => ({
  type: writeType(tensorType("string", [])),
  immediateValue: { tensor: { strings: { values: [text] } } },
});

/** `blob` places a tensor in the weight file and returns its offset. */
export function writeConstant(v: Value, target: Target, blob: (t: LazyTensor) => number): WireValue {
  const type = writeType(v.type);
  const { constant } = v;
  if (!constant) throw new TypeError(`${v.name} is not constant`);
  if (v.type.kind === "list") return { type, immediateValue: { list: { values: listElements(v.type, constant) } } };
  if (constant.kind === "strings")
    return { type, immediateValue: { tensor: { strings: { values: [...constant.values] } } } };
  const { data } = constant;
  if (standsInBlob(v, data, target)) return { type, blobFileValue: { fileName: WEIGHT_FILE, offset: blob(data) } };
  return { type, immediateValue: { tensor: immediate(data) } };
}

function listElements(type: ListType, constant: NonNullable<Value["constant"]>): WireValue[] {
  if (constant.kind === "strings") return constant.values.map(scalarString);
  const element = writeType(type.element);
  return Array.from(valuesOf(constant.data), (n) => ({
    type: element,
    immediateValue: {
      tensor:
        type.element.dtype === "int64" ? { longInts: { values: [Number(n)] } } : { ints: { values: [Number(n)] } },
    },
  }));
}

function immediate(data: LazyTensor): WireTensorValue {
  const numbers = (): number[] => Array.from(valuesOf(data), Number);
  switch (data.dtype) {
    case "fp32":
      return { floats: { values: numbers() } };
    case "fp64":
      return { doubles: { values: numbers() } };
    case "int32":
    case "int16":
    case "uint16":
      return { ints: { values: numbers() } };
    case "int64":
    case "uint64":
      return { longInts: { values: numbers() } };
    case "bool":
      return { bools: { values: numbers().map((n) => n !== 0) } };
    default: {
      const bytes = new Uint8Array(byteLength(data.dtype, elementCount(data.shape)));
      data.read(0, elementCount(data.shape), bytes);
      return { bytes: { values: bytes } };
    }
  }
}

/** What a constant on the wire holds: strings, or a tensor of the declared dtype and shape. */
export type Held =
  | { readonly kind: "strings"; readonly values: readonly string[] }
  | { readonly kind: "tensor"; readonly data: LazyTensor; readonly storage: "blob" | "immediate" };

/** @throws ConversionError `package.value` when the value does not fit its type */
export function readConstant(
  wire: WireValue,
  type: Type,
  blob: (file: string, offset: number, dtype: DType, shape: readonly number[]) => LazyTensor,
  where: string,
): Held {
  const broken = (what: string): never => fail("unreadable", "package.value", what, { path: where });
  if (type.kind === "list") return readList(wire, type, broken);
  if (type.kind !== "tensor") return broken(`a constant of type ${type.kind}`);
  const shape = type.shape.map((d) => (typeof d === "number" ? d : broken("a constant of unknown shape")));
  if (wire.blobFileValue) {
    const { fileName = "", offset } = wire.blobFileValue;
    return { kind: "tensor", data: blob(fileName, integer(offset), type.dtype, shape), storage: "blob" };
  }
  const arm = wire.immediateValue?.tensor ?? broken("a constant without a value");
  const count = elementCount(shape);
  if (type.dtype === "string") {
    const strings = arm.strings?.values ?? [];
    return strings.length === count
      ? { kind: "strings", values: strings }
      : broken(`${strings.length} strings for shape [${shape}]`);
  }
  const { dtype } = type;
  if (arm.bytes) {
    const bytes = arm.bytes.values ?? new Uint8Array();
    if (bytes.length !== byteLength(dtype, count)) broken(`${bytes.length} bytes for ${dtype} [${shape}]`);
    return { kind: "tensor", data: bytesTensor(dtype, shape, bytes), storage: "immediate" };
  }
  const numbers =
    arm.floats?.values ??
    arm.ints?.values ??
    arm.doubles?.values ??
    arm.longInts?.values?.map(integer) ??
    arm.bools?.values?.map(Number) ??
    [];
  if (numbers.length !== count) broken(`${numbers.length} values for ${dtype} [${shape}]`);
  refuseMisfit(dtype, numbers, broken);
  return {
    kind: "tensor",
    data: tensorOf(dtype, shape, numbers, `${dtype} [${shape}] ${numbers}`),
    storage: "immediate",
  };
}

function readList(wire: WireValue, type: ListType, broken: (what: string) => never): Held {
  const elements = (wire.immediateValue?.list?.values ?? []).map(
    (v) => v.immediateValue?.tensor ?? broken("a list element without a value"),
  );
  if (type.length !== undefined && elements.length !== type.length)
    broken(`${elements.length} elements for a list of ${type.length}`);
  if (type.element.dtype === "string")
    return {
      kind: "strings",
      values: elements.map((e) => e.strings?.values?.[0] ?? broken("a label that is no string")),
    };
  const numbers = elements.map((e) => integer(e.longInts?.values?.[0] ?? e.ints?.values?.[0]));
  refuseMisfit(type.element.dtype, numbers, broken);
  return {
    kind: "tensor",
    data: tensorOf(type.element.dtype, [numbers.length], numbers, `list ${numbers}`),
    storage: "immediate",
  };
}

/** The fields of the wire hold more than the types they are read as. */
function refuseMisfit(dtype: DType, numbers: readonly number[], broken: (what: string) => never): void {
  const range = integerRange(dtype);
  if (!range) return;
  const misfit = numbers.find((n) => !Number.isInteger(n) || BigInt(n) < range.min || BigInt(n) > range.max);
  if (misfit !== undefined) broken(`the value ${misfit} for ${dtype}`);
}

function bytesTensor(dtype: DType, shape: readonly number[], bytes: Uint8Array): LazyTensor {
  return {
    dtype,
    shape,
    key: `${dtype} [${shape}] ${Buffer.from(bytes).toString("hex")}`,
    read(start, _, out) {
      const from = (start * bitsOf[dtype]) / 8;
      out.set(bytes.subarray(from, from + out.length));
    },
  };
}
