// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, https://protobuf.dev/programming-guides/encoding/
import { fail } from "../../diagnostics.ts";
import { RandomAccessFile } from "../../tensor/random-access-file.ts";
import { elementType } from "../onnx-schema.ts";

/** What an ONNX file says of its weights, without reading them. */
export interface OnnxFileScan {
  /** Where tensors lie that are not in the file itself, as it says, each once. */
  readonly externalLocations: readonly string[];
  /** How many tensors hold each type, by ONNX's own number (`TensorProto.DataType`). */
  readonly elementTypes: ReadonlyMap<number, number>;
}

/** Which fields of a message are messages that may hold tensors. */
type MessageName = "model" | "graph" | "node" | "attribute" | "sparse" | "function" | "training";
const fields: Readonly<Record<MessageName, Readonly<Record<number, MessageName | "tensor">>>> = {
  model: { 7: "graph", 20: "training", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  function: { 7: "node", 11: "attribute" },
  training: { 1: "graph", 2: "graph" },
};
const tensorField = { dataType: 2, externalData: 13 } as const;
const entryField = { key: 1, value: 2 } as const;

/** Bytes read at a time: most of a file is weights, which are skipped. */
const WINDOW = 1 << 16;
/** Messages inside each other: a graph in a graph is four of them, and exporters nest a handful. */
const MAX_DEPTH = 200;
/** Bytes of a location: what file systems take as a path. */
const MAX_TEXT = 4096;
const LFS = "version https://git-lfs.github.com/spec/";

/**
 * Walks through an ONNX file, graphs inside graphs and functions included, and skips what it does not need.
 * @param path the file; memory does not grow with it
 * @param name what errors call it
 * @throws ConversionError `reference.onnx.malformed`, `file.open`, `file.read`
 */
export function scanOnnxFile(path: string, name: string): OnnxFileScan {
  const reader = new Reader(path, name);
  const locations = new Set<string>();
  const elementTypes = new Map<number, number>();

  const tensor = (end: number): void => {
    let type: number = elementType.float;
    eachField(reader, end, (id, valueEnd) => {
      if (id === tensorField.dataType && valueEnd === undefined) type = reader.varint();
      else if (id === tensorField.externalData && valueEnd !== undefined) {
        const [key, value] = entry(valueEnd);
        if (key === "location") locations.add(value);
      }
    });
    elementTypes.set(type, (elementTypes.get(type) ?? 0) + 1);
  };
  const entry = (end: number): readonly [key: string, value: string] => {
    let [key, value] = ["", ""];
    eachField(reader, end, (id, valueEnd) => {
      if (valueEnd === undefined) return;
      if (id === entryField.key) key = reader.text(valueEnd);
      else if (id === entryField.value) value = reader.text(valueEnd);
    });
    return [key, value];
  };
  const message = (kind: MessageName, end: number, depth: number): void => {
    if (depth > MAX_DEPTH) reader.malformed(`messages lie more than ${MAX_DEPTH} deep`);
    eachField(reader, end, (id, valueEnd) => {
      const inner = fields[kind][id];
      if (inner === undefined || valueEnd === undefined) return;
      if (inner === "tensor") tensor(valueEnd);
      else message(inner, valueEnd, depth + 1);
    });
  };
  try {
    message("model", reader.size, 0);
  } finally {
    reader.close();
  }
  return { externalLocations: [...locations], elementTypes };
}

/** Calls `visit` at the start of each value up to `end`; what it leaves unread of the value is skipped. */
function eachField(reader: Reader, end: number, visit: (id: number, valueEnd: number | undefined) => void): void {
  while (reader.at < end) {
    const tag = reader.varint();
    const [id, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) {
      const start = reader.at;
      visit(id, undefined);
      if (reader.at === start) reader.varint();
    } else if (wire === 1 || wire === 5) {
      reader.at += wire === 1 ? 8 : 4;
    } else if (wire === 2) {
      const length = reader.varint();
      const valueEnd = reader.at + length;
      if (valueEnd > end) reader.malformed(`a field of ${length} bytes ends behind the message that holds it`);
      visit(id, valueEnd);
      reader.at = valueEnd;
    } else reader.malformed(`wire type ${wire}`);
  }
  if (reader.at !== end) reader.malformed("a field ends behind the message that holds it");
}

/** A file read in windows, from wherever `at` stands. */
class Reader {
  at = 0;
  private readonly name: string;
  private readonly file: RandomAccessFile;
  private window = new Uint8Array(0);
  private windowStart = 0;

  constructor(path: string, name: string) {
    this.name = name;
    this.file = new RandomAccessFile(path);
  }

  get size(): number {
    return this.file.size;
  }

  /** Inexact beyond 53 bits, which no length that fits the file has. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.byte();
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
    return this.malformed("a number has more than 64 bits");
  }

  text(end: number): string {
    const length = end - this.at;
    if (length > MAX_TEXT) this.malformed(`the place of external data has ${length} bytes`);
    return new TextDecoder().decode(Uint8Array.from({ length }, () => this.byte()));
  }

  private byte(): number {
    const { at } = this;
    if (at >= this.size) this.malformed("the file ends inside a field");
    if (at < this.windowStart || at >= this.windowStart + this.window.length) {
      this.windowStart = at;
      this.window = new Uint8Array(Math.min(WINDOW, this.size - at));
      this.file.read(at, this.window);
    }
    this.at++;
    return this.window[at - this.windowStart] as number;
  }

  malformed(what: string): never {
    const message = this.isPointer()
      ? "is a pointer of Git LFS, not the file itself"
      : `is no ONNX file: ${what} (at byte ${this.at})`;
    return fail("unreadable", "reference.onnx.malformed", message, { path: this.name });
  }

  /** https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: what a clone without Git LFS holds. */
  private isPointer(): boolean {
    const start = new Uint8Array(Math.min(this.size, LFS.length));
    this.file.read(0, start);
    return new TextDecoder().decode(start) === LFS;
  }

  close(): void {
    this.file.close();
  }
}
