// https://github.com/apple/coremltools/blob/9.0/mlmodel/format/FeatureTypes.proto
import { fail } from "../diagnostics.ts";
import type { Feature, Flexibility, ImageFeature, Interface, StateFeature, TensorFeature } from "../mil/interface.ts";
import { arrayCode, arrayDType } from "./dtypes.ts";
import {
  integer,
  type WireArrayType,
  type WireFeature,
  type WireFeatureType,
  type WireImageType,
  type WireInterface,
  type WireRange,
} from "./wire.ts";

const colorCodes = { GRAYSCALE: 10, RGB: 20, BGR: 30, GRAYSCALE_FLOAT16: 40 } as const;
/** An upper bound the wire leaves open. */
const OPEN = -1;

const range = ([min, max]: readonly [number, number]): WireRange => ({
  lowerBound: min,
  upperBound: Number.isFinite(max) ? max : OPEN,
});
const bounds = (r: WireRange | undefined): readonly [number, number] => {
  const max = integer(r?.upperBound);
  return [integer(r?.lowerBound), max < 0 ? Number.POSITIVE_INFINITY : max];
};

export function writeInterface(i: Interface): WireInterface {
  return {
    input: i.inputs.map(writeFeature),
    output: i.outputs.map(writeFeature),
    ...(i.classifier
      ? { predictedFeatureName: i.classifier.label, predictedProbabilitiesName: i.classifier.probabilities }
      : {}),
    state: i.states.map(writeFeature),
  };
}

function writeFeature(f: Feature): WireFeature {
  return { name: f.name, ...(f.description ? { shortDescription: f.description } : {}), type: writeType(f) };
}

function writeType(f: Feature): WireFeatureType {
  switch (f.kind) {
    case "tensor":
      return { multiArrayType: writeArray(f), ...(f.optional ? { isOptional: true } : {}) };
    case "image":
      return { imageType: writeImage(f), ...(f.optional ? { isOptional: true } : {}) };
    case "state":
      return { stateType: { arrayType: { shape: [...f.shape], dataType: arrayCode(f.dtype) } } };
    case "label":
      return f.type === "string" ? { stringType: {} } : { int64Type: {} };
    case "probabilities":
      return { dictionaryType: f.key === "string" ? { stringKeyType: {} } : { int64KeyType: {} } };
  }
}

function writeArray(f: TensorFeature): WireArrayType {
  const flexible = f.flexibility;
  const value = f.optional?.value;
  return {
    ...(f.shape ? { shape: [...f.shape] } : {}),
    dataType: arrayCode(f.dtype),
    ...(flexible.kind === "range" ? { shapeRange: { sizeRanges: flexible.ranges.map(range) } } : {}),
    ...(flexible.kind === "enumerated"
      ? { enumeratedShapes: { shapes: flexible.shapes.map((shape) => ({ shape: [...shape] })) } }
      : {}),
    ...(value === undefined ? {} : { [defaultFieldOf(f.dtype)]: value }),
  };
}

const defaultFieldOf = (dtype: TensorFeature["dtype"]): keyof WireArrayType =>
  dtype === "int32" || dtype === "int8"
    ? "intDefaultValue"
    : dtype === "fp64"
      ? "doubleDefaultValue"
      : "floatDefaultValue";

function writeImage(f: ImageFeature): WireImageType {
  const flexible = f.flexibility;
  return {
    width: f.width,
    height: f.height,
    colorSpace: colorCodes[f.colorSpace],
    ...(flexible.kind === "enumerated"
      ? {
          enumeratedSizes: {
            sizes: flexible.shapes.map(([height, width]) => ({ width: width as number, height: height as number })),
          },
        }
      : {}),
    ...(flexible.kind === "range"
      ? {
          imageSizeRange: {
            widthRange: range(flexible.ranges[1] as [number, number]),
            heightRange: range(flexible.ranges[0] as [number, number]),
          },
        }
      : {}),
  };
}

/** @throws ConversionError `package.interface` for a feature no ML Program has */
export function readInterface(wire: WireInterface, where: string): Interface {
  const features = (list: WireFeature[] | undefined): Feature[] => (list ?? []).map((f) => readFeature(f, where));
  const states = features(wire.state);
  if (!states.every((s) => s.kind === "state"))
    fail("unreadable", "package.interface", "a state of another type", { path: where });
  return {
    inputs: features(wire.input),
    outputs: features(wire.output),
    states: states as StateFeature[],
    ...(wire.predictedFeatureName
      ? { classifier: { label: wire.predictedFeatureName, probabilities: wire.predictedProbabilitiesName ?? "" } }
      : {}),
  };
}

function readFeature(wire: WireFeature, where: string): Feature {
  const name = wire.name ?? "";
  const broken = (what: string): never =>
    fail("unreadable", "package.interface", `feature '${name}' ${what}`, { path: where });
  const named = { name, ...(wire.shortDescription ? { description: wire.shortDescription } : {}) };
  const type = wire.type ?? broken("has no type");
  if (type.multiArrayType) return { ...named, ...readArray(type.multiArrayType, type.isOptional ?? false, broken) };
  if (type.imageType)
    return { ...named, ...readImage(type.imageType, broken), ...(type.isOptional ? { optional: true } : {}) };
  if (type.stateType) {
    const array = readArray(type.stateType.arrayType ?? broken("is a state without a type"), false, broken);
    if ((array.dtype !== "fp16" && array.dtype !== "int8") || !array.shape)
      return broken(`is a state of ${array.dtype}`);
    return { ...named, kind: "state", dtype: array.dtype, shape: array.shape };
  }
  if (type.stringType) return { ...named, kind: "label", type: "string" };
  if (type.int64Type) return { ...named, kind: "label", type: "int64" };
  if (type.dictionaryType)
    return { ...named, kind: "probabilities", key: type.dictionaryType.stringKeyType ? "string" : "int64" };
  return broken("is of a type no ML Program has");
}

function readArray(a: WireArrayType, optional: boolean, broken: (what: string) => never): Omit<TensorFeature, "name"> {
  const dtype = arrayDType(a.dataType ?? 0) ?? broken(`has array dtype ${a.dataType ?? 0}`);
  const shape = (a.shape ?? []).map(integer);
  const value = a.intDefaultValue ?? a.floatDefaultValue ?? a.doubleDefaultValue;
  return {
    kind: "tensor",
    dtype,
    shape: shape.length > 0 ? shape : undefined,
    flexibility: arrayFlexibility(a),
    ...(optional ? { optional: { value } } : {}),
  };
}

function arrayFlexibility(a: WireArrayType): Flexibility {
  if (a.shapeRange) return { kind: "range", ranges: (a.shapeRange.sizeRanges ?? []).map(bounds) };
  if (a.enumeratedShapes)
    return { kind: "enumerated", shapes: (a.enumeratedShapes.shapes ?? []).map((s) => (s.shape ?? []).map(integer)) };
  return { kind: "fixed" };
}

function readImage(i: WireImageType, broken: (what: string) => never): Omit<ImageFeature, "name"> {
  const color =
    Object.entries(colorCodes).find(([, code]) => code === i.colorSpace)?.[0] ??
    broken(`has colour space ${i.colorSpace ?? 0}`);
  const flexibility: Flexibility = i.imageSizeRange
    ? { kind: "range", ranges: [bounds(i.imageSizeRange.heightRange), bounds(i.imageSizeRange.widthRange)] }
    : i.enumeratedSizes
      ? {
          kind: "enumerated",
          shapes: (i.enumeratedSizes.sizes ?? []).map((s) => [integer(s.height), integer(s.width)]),
        }
      : { kind: "fixed" };
  return {
    kind: "image",
    colorSpace: color as ImageFeature["colorSpace"],
    height: integer(i.height),
    width: integer(i.width),
    flexibility,
  };
}
