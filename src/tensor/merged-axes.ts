/** A permutation of axes: `order[i]` is the axis of `dims` that comes i-th in the result. */
export interface Permutation {
  readonly dims: readonly number[];
  readonly order: readonly number[];
}

/** The same movement of elements over fewer axes: those of length 1 dropped, neighbours that stay neighbours merged. */
export function mergedAxes(shape: readonly number[], perm: readonly number[]): Permutation {
  const kept = shape.map((_, axis) => axis).filter((axis) => shape[axis] !== 1);
  const groups: number[][] = [];
  for (const axis of perm.filter((axis) => shape[axis] !== 1).map((axis) => kept.indexOf(axis))) {
    const group = groups.at(-1);
    if (group?.at(-1) === axis - 1) group.push(axis);
    else groups.push([axis]);
  }
  const bySource = groups.toSorted((a, b) => (a[0] as number) - (b[0] as number));
  return {
    dims: bySource.map((group) => group.reduce((n, i) => n * (shape[kept[i] as number] as number), 1)),
    order: groups.map((group) => bySource.indexOf(group)),
  };
}
