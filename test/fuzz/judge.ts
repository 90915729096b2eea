import { ConversionError, type Diagnostic } from "../../src/diagnostics.ts";

/** How what was tried ended: `code` is that of the first diagnostic, or what a success was. */
export type End =
  | { readonly kind: "success"; readonly code: string }
  | { readonly kind: string; readonly code: string; readonly message: string };

/** Longer than anything a person reads: a file's own text must not be poured into an error. */
const MAX_MESSAGE = 2500;
/** What the engine says of a fault in a program, which no user can do anything about. */
const ENGINE =
  /Maximum call stack|Cannot read propert|is not a function|is not iterable|Cannot convert|\[object |Invalid (typed )?array length|Cannot destructure/;

/** Collects what must never happen, whatever file the program is given. */
export class Judge {
  readonly bugs: string[] = [];

  bug(what: string): void {
    this.bugs.push(what);
  }

  /** The end of `body`; everything that is no error made for people is a bug. */
  async endOf(what: string, body: () => unknown): Promise<End> {
    try {
      const code = await body();
      return { kind: "success", code: typeof code === "string" ? code : "success" };
    } catch (thrown) {
      if (thrown instanceof ConversionError) return this.judged(what, thrown);
      const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      this.bug(`${what} threw ${text.slice(0, 1500)}`);
      return { kind: "bug", code: "uncaught", message: text };
    }
  }

  private judged(what: string, { kind, diagnostics, stack = "" }: ConversionError): End {
    const [first] = diagnostics;
    // What is wrong with a file is never the program's fault, nor that of the place for the output.
    if (kind === "internal" || kind === "output") this.bug(`${what} ended as '${kind}': ${stack.slice(0, 1500)}`);
    if (!first) this.bug(`${what} ended with no diagnostic`);
    for (const d of diagnostics) this.diagnostic(what, d);
    return { kind, code: first?.code ?? "none", message: first?.message ?? "" };
  }

  /** @param d an error, or a note that came with a success */
  diagnostic(what: string, d: Diagnostic): void {
    const text = [d.path, d.message, d.hint].filter(Boolean).join(" | ");
    if (!/^[a-z_]+(\.[a-z_]+)+$/.test(d.code)) this.bug(`${what}: '${d.code}' is no code of a diagnostic`);
    if (d.message.trim() === "") this.bug(`${what}: ${d.code} says nothing`);
    if (text.length > MAX_MESSAGE) this.bug(`${what}: ${d.code} has ${text.length} characters: ${text.slice(0, 200)}`);
    if (ENGINE.test(d.message) && d.severity === "error")
      this.bug(`${what}: ${d.code} is an engine's message: ${text.slice(0, 500)}`);
  }
}
