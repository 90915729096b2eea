/** Faults of a JSON text, with the character they were found at. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

export interface JsonOptions {
  /** Deepest nesting of arrays and objects: keeps hostile text from exhausting the stack. */
  readonly maxDepth: number;
  /** Accept `NaN`, `Infinity` and `-Infinity`, which Python's `json` writes. */
  readonly nonFinite?: boolean;
  /** Two members of one name: an error, or the last one counts, as in Python and `JSON.parse`. */
  readonly duplicates: "reject" | "last";
}

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Space, tab, line feed, carriage return. */
const BLANKS: ReadonlySet<number> = new Set([SPACE, 0x09, 0x0a, 0x0d]);
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /-?[A-Za-z]+/y;
const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);
const NON_FINITE: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

class Parser {
  readonly #text: string;
  readonly #options: JsonOptions;
  #at = 0;

  constructor(text: string, options: JsonOptions) {
    this.#text = text;
    this.#options = options;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#refuse("the end");
    return value;
  }

  #value(depth: number): unknown {
    if (depth > this.#options.maxDepth) {
      throw new JsonError(`nested deeper than ${this.#options.maxDepth} levels at character ${this.#at}`);
    }
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string("a value");
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    this.#at++;
    if (this.#takes("}")) return members;
    do {
      this.#skipSpace();
      const start = this.#at;
      const name = this.#string("a member name");
      if (this.#options.duplicates === "reject" && Object.hasOwn(members, name)) {
        throw new JsonError(`the member ${JSON.stringify(name)} appears twice, again at character ${start}`);
      }
      if (!this.#takes(":")) this.#refuse("':'");
      const value = this.#value(depth + 1);
      // Assigning to `__proto__` would replace the prototype instead of adding a member.
      if (name === "__proto__") Object.defineProperty(members, name, { value, enumerable: true, configurable: true });
      else members[name] = value;
    } while (this.#takes(","));
    if (!this.#takes("}")) this.#refuse("',' or '}'");
    return members;
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    if (this.#takes("]")) return items;
    do items.push(this.#value(depth + 1));
    while (this.#takes(","));
    if (!this.#takes("]")) this.#refuse("',' or ']'");
    return items;
  }

  #string(expected: string): string {
    const start = this.#at;
    if (this.#text[start] !== '"') return this.#refuse(expected);
    // By hand: a regular expression runs out of stack on long strings.
    let end = start + 1;
    let code = this.#text.charCodeAt(end);
    while (code >= SPACE && code !== QUOTE) {
      end += code === BACKSLASH ? 2 : 1;
      code = this.#text.charCodeAt(end);
    }
    if (code !== QUOTE) {
      this.#at = Math.min(end, this.#text.length);
      return this.#refuse("the rest of a string");
    }
    this.#at = end + 1;
    const contents = this.#text.slice(start + 1, end);
    return contents.includes("\\") ? this.#unescaped(start) : contents;
  }

  #unescaped(start: number): string {
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      this.#at = start;
      return this.#refuse("a string with valid escapes");
    }
  }

  #scalar(): unknown {
    const number = this.#take(NUMBER);
    if (number !== undefined) return Number(number);
    const start = this.#at;
    const word = this.#take(WORD);
    if (word !== undefined) {
      const value = WORDS.get(word);
      if (value !== undefined) return value;
      const number = this.#options.nonFinite ? NON_FINITE.get(word) : undefined;
      if (number !== undefined) return number;
    }
    this.#at = start;
    return this.#refuse("a value");
  }

  #takes(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    while (BLANKS.has(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    if (token !== undefined) this.#at += token.length;
    return token;
  }

  #refuse(expected: string): never {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 20)) : "the end";
    throw new JsonError(`expected ${expected} at character ${this.#at}, found ${found}`);
  }
}

/**
 * Parses JSON (RFC 8259). Own code because `JSON.parse` can neither see duplicate members nor limit the depth, and
 * refuses the numbers that Python writes.
 * @throws JsonError
 */
export const parseJson = (text: string, options: JsonOptions): unknown => new Parser(text, options).document();
