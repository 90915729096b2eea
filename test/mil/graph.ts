import { ConversionError } from "../../src/diagnostics.ts";
import { Builder, type Given } from "../../src/mil/builder.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Target } from "../../src/mil/opset.ts";
import type { Func, Program, Value } from "../../src/mil/program.ts";

/** A builder over our own table that gives the first result of a node. */
export class Graph extends Builder {
  constructor(target: Target = "iOS16") {
    super(target, ops);
  }

  op(name: keyof typeof ops, given: Readonly<Record<string, Given>>, called?: string): Value {
    return this.emit(name, given, called === undefined ? {} : { name: called })[0] as Value;
  }

  end(outputs: Readonly<Record<string, Value>>): Func {
    return this.finish("main", new Map(Object.entries(outputs)));
  }
}

export const programOf = (func: Func): Program => ({ functions: new Map([[func.name, func]]) });

/** The codes of the diagnostics that `body` throws, and its message. */
export function refusal(body: () => unknown): { readonly codes: readonly string[]; readonly message: string } {
  try {
    body();
  } catch (error) {
    if (error instanceof ConversionError)
      return { codes: error.diagnostics.map((d) => d.code), message: error.message };
    throw error;
  }
  return { codes: [], message: "accepted" };
}
