// Field numbers of https://github.com/apple/coremltools/tree/9.0/mlmodel/format (Model, FeatureTypes, MIL .proto). Only what
// an ML Program uses: a trimmed schema with the same numbers is wire compatible.
import protobuf from "protobufjs/light.js";
import { otherModels } from "./model-kinds.ts";

type Field = readonly [number, string, "repeated"?] | readonly [number, string, "map"];
type Messages = Readonly<Record<string, Readonly<Record<string, Field>>>>;

const featureTypes: Messages = {
  Empty: {},
  SizeRange: { lowerBound: [1, "uint64"], upperBound: [2, "int64"] },
  ShapeRange: { sizeRanges: [1, "SizeRange", "repeated"] },
  Shape: { shape: [1, "int64", "repeated"] },
  EnumeratedShapes: { shapes: [1, "Shape", "repeated"] },
  ArrayFeatureType: {
    shape: [1, "int64", "repeated"],
    dataType: [2, "int32"],
    enumeratedShapes: [21, "EnumeratedShapes"],
    shapeRange: [31, "ShapeRange"],
    intDefaultValue: [41, "int32"],
    floatDefaultValue: [51, "float"],
    doubleDefaultValue: [61, "double"],
  },
  ImageSize: { width: [1, "uint64"], height: [2, "uint64"] },
  ImageSizes: { sizes: [1, "ImageSize", "repeated"] },
  ImageSizeRange: { widthRange: [1, "SizeRange"], heightRange: [2, "SizeRange"] },
  ImageFeatureType: {
    width: [1, "int64"],
    height: [2, "int64"],
    colorSpace: [3, "int32"],
    enumeratedSizes: [21, "ImageSizes"],
    imageSizeRange: [31, "ImageSizeRange"],
  },
  DictionaryFeatureType: { int64KeyType: [1, "Empty"], stringKeyType: [2, "Empty"] },
  StateFeatureType: { arrayType: [1, "ArrayFeatureType"] },
  FeatureType: {
    int64Type: [1, "Empty"],
    doubleType: [2, "Empty"],
    stringType: [3, "Empty"],
    imageType: [4, "ImageFeatureType"],
    multiArrayType: [5, "ArrayFeatureType"],
    dictionaryType: [6, "DictionaryFeatureType"],
    sequenceType: [7, "Empty"],
    stateType: [8, "StateFeatureType"],
    isOptional: [1000, "bool"],
  },
};

/** Numbers of which at most one is there, and 0 is there, too. */
const oneofs: Readonly<Record<string, protobuf.IType["oneofs"]>> = {
  ArrayFeatureType: {
    defaultOptionalValue: { oneof: ["intDefaultValue", "floatDefaultValue", "doubleDefaultValue"] },
  },
};

const model: Messages = {
  FeatureDescription: { name: [1, "string"], shortDescription: [2, "string"], type: [3, "FeatureType"] },
  Metadata: {
    shortDescription: [1, "string"],
    versionString: [2, "string"],
    author: [3, "string"],
    license: [4, "string"],
    userDefined: [100, "string", "map"],
  },
  FunctionDescription: {
    name: [1, "string"],
    input: [2, "FeatureDescription", "repeated"],
    output: [3, "FeatureDescription", "repeated"],
    predictedFeatureName: [4, "string"],
    predictedProbabilitiesName: [5, "string"],
    state: [6, "FeatureDescription", "repeated"],
  },
  ModelDescription: {
    input: [1, "FeatureDescription", "repeated"],
    output: [10, "FeatureDescription", "repeated"],
    predictedFeatureName: [11, "string"],
    predictedProbabilitiesName: [12, "string"],
    state: [13, "FeatureDescription", "repeated"],
    functions: [20, "FunctionDescription", "repeated"],
    defaultFunctionName: [21, "string"],
    metadata: [100, "Metadata"],
  },
  Model: {
    specificationVersion: [1, "int32"],
    description: [2, "ModelDescription"],
    isUpdatable: [10, "bool"],
    mlProgram: [502, "Program"],
    ...Object.fromEntries(
      Object.entries(otherModels).map(([name, { field }]): [string, Field] => [name, [field, "Empty"]]),
    ),
  },
};

const program: Messages = {
  Program: {
    version: [1, "int64"],
    functions: [2, "Function", "map"],
    docString: [3, "string"],
    attributes: [4, "Value", "map"],
  },
  Function: {
    inputs: [1, "NamedValueType", "repeated"],
    opset: [2, "string"],
    blockSpecializations: [3, "Block", "map"],
    attributes: [4, "Value", "map"],
  },
  Block: {
    inputs: [1, "NamedValueType", "repeated"],
    outputs: [2, "string", "repeated"],
    operations: [3, "Operation", "repeated"],
    attributes: [4, "Value", "map"],
  },
  Operation: {
    type: [1, "string"],
    inputs: [2, "Argument", "map"],
    outputs: [3, "NamedValueType", "repeated"],
    blocks: [4, "Block", "repeated"],
    attributes: [5, "Value", "map"],
  },
  Binding: { name: [1, "string"], value: [2, "Value"] },
  Argument: { arguments: [1, "Binding", "repeated"] },
  NamedValueType: { name: [1, "string"], type: [2, "ValueType"] },
  ValueType: {
    tensorType: [1, "TensorType"],
    listType: [2, "ListType"],
    tupleType: [3, "TupleType"],
    dictionaryType: [4, "DictionaryType"],
    stateType: [5, "StateType"],
  },
  TensorType: { dataType: [1, "int32"], rank: [2, "int64"], dimensions: [3, "Dimension", "repeated"] },
  Constant: { size: [1, "uint64"] },
  Unknown: { variadic: [1, "bool"] },
  Dimension: { constant: [1, "Constant"], unknown: [2, "Unknown"] },
  ListType: { type: [1, "ValueType"], length: [2, "Dimension"] },
  TupleType: { types: [1, "ValueType", "repeated"] },
  DictionaryType: { keyType: [1, "ValueType"], valueType: [2, "ValueType"] },
  StateType: { wrappedType: [1, "ValueType"] },
  Value: {
    docString: [1, "string"],
    type: [2, "ValueType"],
    immediateValue: [3, "ImmediateValue"],
    blobFileValue: [5, "BlobFileValue"],
  },
  BlobFileValue: { fileName: [1, "string"], offset: [2, "uint64"] },
  ImmediateValue: {
    tensor: [1, "TensorValue"],
    tuple: [2, "TupleValue"],
    list: [3, "ListValue"],
    dictionary: [4, "DictionaryValue"],
  },
  Floats: { values: [1, "float", "repeated"] },
  Ints: { values: [1, "int32", "repeated"] },
  Bools: { values: [1, "bool", "repeated"] },
  Strings: { values: [1, "string", "repeated"] },
  LongInts: { values: [1, "int64", "repeated"] },
  Doubles: { values: [1, "double", "repeated"] },
  Bytes: { values: [1, "bytes"] },
  TensorValue: {
    floats: [1, "Floats"],
    ints: [2, "Ints"],
    bools: [3, "Bools"],
    strings: [4, "Strings"],
    longInts: [5, "LongInts"],
    doubles: [6, "Doubles"],
    bytes: [7, "Bytes"],
  },
  TupleValue: { values: [1, "Value", "repeated"] },
  ListValue: { values: [1, "Value", "repeated"] },
  KeyValuePair: { key: [1, "Value"], value: [2, "Value"] },
  DictionaryValue: { values: [1, "KeyValuePair", "repeated"] },
};

function nested(messages: Messages): Record<string, protobuf.IType> {
  return Object.fromEntries(
    Object.entries(messages).map(([name, fields]) => [
      name,
      {
        ...(oneofs[name] ? { oneofs: oneofs[name] } : {}),
        fields: Object.fromEntries(
          Object.entries(fields).map(([field, [id, type, rule]]) => [
            field,
            rule === "map"
              ? ({ id, type, keyType: "string" } as protobuf.IField)
              : { id, type, ...(rule ? { rule } : {}) },
          ]),
        ),
      } satisfies protobuf.IType,
    ]),
  );
}

let root: protobuf.Root | undefined;

/** The `Model` message. Built on first use: starting the program should not pay for it. */
export function modelMessage(): protobuf.Type {
  root ??= protobuf.Root.fromJSON({ nested: { ...nested(featureTypes), ...nested(model), ...nested(program) } });
  return root.lookupType("Model");
}
