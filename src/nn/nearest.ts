/** How many characters differ at most for a name to be worth suggesting, as a share of its length. */
const MAX_SHARE = 0.4;

/** The candidate closest to `name` by edit distance, if one is close. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let [best, least] = [undefined as string | undefined, Math.max(2, Math.floor(name.length * MAX_SHARE)) + 1];
  for (const c of candidates) {
    if (Math.abs(c.length - name.length) >= least) continue;
    const d = distance(name, c);
    if (d < least) [best, least] = [c, d];
  }
  return best;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
