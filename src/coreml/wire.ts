/** The messages of schema.ts as protobufjs gives and takes them. Absent and present-but-empty sub-messages differ. */
export type Long = number | { toNumber(): number };

export interface WireShape {
  shape?: Long[];
}
export interface WireRange {
  lowerBound?: Long;
  upperBound?: Long;
}
export interface WireArrayType {
  shape?: Long[];
  dataType?: number;
  enumeratedShapes?: { shapes?: WireShape[] };
  shapeRange?: { sizeRanges?: WireRange[] };
  intDefaultValue?: number;
  floatDefaultValue?: number;
  doubleDefaultValue?: number;
}
export interface WireImageType {
  width?: Long;
  height?: Long;
  colorSpace?: number;
  enumeratedSizes?: { sizes?: { width?: Long; height?: Long }[] };
  imageSizeRange?: { widthRange?: WireRange; heightRange?: WireRange };
}
export interface WireFeatureType {
  int64Type?: object;
  doubleType?: object;
  stringType?: object;
  imageType?: WireImageType;
  multiArrayType?: WireArrayType;
  dictionaryType?: { int64KeyType?: object; stringKeyType?: object };
  sequenceType?: object;
  stateType?: { arrayType?: WireArrayType };
  isOptional?: boolean;
}
export interface WireFeature {
  name?: string;
  shortDescription?: string;
  type?: WireFeatureType;
}
/** What the top level of a description and a function's description have in common. */
export interface WireInterface {
  input?: WireFeature[];
  output?: WireFeature[];
  state?: WireFeature[];
  predictedFeatureName?: string;
  predictedProbabilitiesName?: string;
}
export interface WireDescription extends WireInterface {
  functions?: (WireInterface & { name?: string })[];
  defaultFunctionName?: string;
  metadata?: {
    shortDescription?: string;
    versionString?: string;
    author?: string;
    license?: string;
    userDefined?: Record<string, string>;
  };
}

export interface WireTensorType {
  dataType?: number;
  rank?: Long;
  dimensions?: WireDimension[];
}
export interface WireDimension {
  constant?: { size?: Long };
  unknown?: { variadic?: boolean };
}
export interface WireType {
  tensorType?: WireTensorType;
  listType?: { type?: WireType; length?: WireDimension };
  tupleType?: { types?: WireType[] };
  dictionaryType?: { keyType?: WireType; valueType?: WireType };
  stateType?: { wrappedType?: WireType };
}
export interface WireTensorValue {
  floats?: { values?: number[] };
  ints?: { values?: number[] };
  bools?: { values?: boolean[] };
  strings?: { values?: string[] };
  longInts?: { values?: Long[] };
  doubles?: { values?: number[] };
  bytes?: { values?: Uint8Array };
}
export interface WireValue {
  docString?: string;
  type?: WireType;
  immediateValue?: {
    tensor?: WireTensorValue;
    tuple?: { values?: WireValue[] };
    list?: { values?: WireValue[] };
    dictionary?: { values?: { key?: WireValue; value?: WireValue }[] };
  };
  blobFileValue?: { fileName?: string; offset?: Long };
}
export interface WireNamedType {
  name?: string;
  type?: WireType;
}
export interface WireBinding {
  name?: string;
  value?: WireValue;
}
export interface WireOperation {
  type?: string;
  inputs?: Record<string, { arguments?: WireBinding[] }>;
  outputs?: WireNamedType[];
  blocks?: WireBlock[];
  attributes?: Record<string, WireValue>;
}
export interface WireBlock {
  inputs?: WireNamedType[];
  outputs?: string[];
  operations?: WireOperation[];
  attributes?: Record<string, WireValue>;
}
export interface WireFunction {
  inputs?: WireNamedType[];
  opset?: string;
  blockSpecializations?: Record<string, WireBlock>;
  attributes?: Record<string, WireValue>;
}
export interface WireProgram {
  version?: Long;
  functions?: Record<string, WireFunction>;
  docString?: string;
  attributes?: Record<string, WireValue>;
}
export interface WireModel {
  specificationVersion?: number;
  description?: WireDescription;
  isUpdatable?: boolean;
  mlProgram?: WireProgram;
  [other: string]: unknown;
}

/** A 64-bit integer of the wire as a number. @throws RangeError beyond 2^53. */
export function integer(n: Long | undefined): number {
  const value = n === undefined ? 0 : typeof n === "number" ? n : n.toNumber();
  if (!Number.isSafeInteger(value)) throw new RangeError(`integer ${value} is out of range`);
  return value;
}
