/** The most characters GitHub takes in a comment. */
export const MAX_COMMENT = 65_536;

const TRUNCATED = "_The rest did not fit; the JSON report holds everything._";

/**
 * Whole blocks as long as there is room: a table or a fold cut in two would swallow what follows.
 * @param limit the most characters (UTF-16, as GitHub counts)
 */
export function fitted(blocks: readonly string[], limit: number): string {
  const whole = blocks.join("\n\n");
  if (whole.length <= limit) return whole;
  const kept: string[] = [];
  let room = limit - TRUNCATED.length;
  for (const block of blocks) {
    if (block.length + 2 > room) continue;
    room -= block.length + 2;
    kept.push(block);
  }
  return [...kept, TRUNCATED].join("\n\n").slice(0, limit);
}
