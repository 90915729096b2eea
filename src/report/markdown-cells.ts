/** Markdown that stands in one table cell. */
export type Cell = string;

/** The longest name shown; file and output names are someone else's text. */
const MAX_TEXT = 300;

const shortened = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text);
const oneLine = (text: string): string => shortened(text.replace(/[\r\n\t ]+/g, " "));

/**
 * Text that shows as it is: no markup, link, image, HTML or mention comes out of it. Markdown's own escapes do not stop
 * a mention, a zero-width space does.
 */
export const escaped = (text: string): string =>
  oneLine(text)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_{}[\]()#+!|~$-]/g, "\\$&")
    .replace(/@/g, "@\u200b")
    .replace(/:\/\//g, ":\u200b//");

/** As code. A pipe ends a cell even there, so it is a character reference in an element of its own. */
export const code = (text: string): string =>
  `<code>${oneLine(text)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_{}[\]()#+!|~$:@-]/g, (c) => `&#${c.charCodeAt(0)};`)}</code>`;

export const table = (head: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
