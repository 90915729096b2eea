/** A table of Markdown; cells are Markdown, `|` in them is escaped here. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Blocks, a blank line apart. */
export const blocks = (...parts) => `${parts.flat().join("\n\n")}\n`;

export const code = (text) => `\`${text}\``;
