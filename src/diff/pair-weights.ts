import { groupBy } from "./group-by.ts";
import type { Pace } from "./pace.ts";
import { fingerprint, haveSameBytes, type SamePlace } from "./same-bytes.ts";
import type { Weight } from "./weights.ts";

export interface WeightPair {
  readonly a: Weight;
  readonly b: Weight;
  /** Stored in the same form with the same bytes. */
  readonly identical: boolean;
}

export interface PairedWeights {
  readonly pairs: readonly WeightPair[];
  readonly added: readonly Weight[];
  readonly removed: readonly Weight[];
}

/** What coremltools appends to the name of a constant that it casts or compresses. */
const suffixes =
  /(_(to_fp16|to_fp32|to_u?int16|to_u?int8|cast_fp16|cast_u?int16|palettized|palettized_pcs|quantized|affine_quantized|sparsified|fake_\w+))+$/;

/** A name without what passes append to it. */
export const plainName = (name: string): string => name.replace(suffixes, "");

/**
 * Which weight of one function is which of the other: of one name and shape; of one name but for what passes append;
 * of the same bytes whatever their names; last, of one name and another shape.
 */
export async function pairWeights(
  a: Iterable<Weight>,
  b: Iterable<Weight>,
  isOnePlace: SamePlace,
  pace: Pace,
): Promise<PairedWeights> {
  const [inA, inB] = [new Set(a), new Set(b)];
  const identical: WeightPair[] = [];
  const named: [Weight, Weight][] = [];
  const take = (keyOf: (w: Weight) => string): [Weight, Weight][] => {
    const found = matched(inA, inB, keyOf);
    for (const [x, y] of found) {
      inA.delete(x);
      inB.delete(y);
    }
    return found;
  };
  const shaped = (w: Weight): string => `${w.name} [${w.shape}]`;
  const plain = (w: Weight): string => `${plainName(w.name)} [${w.shape}]`;
  for (const pair of [...take(shaped), ...take(plain)]) {
    if (await haveSameBytes(...pair, isOnePlace, pace)) identical.push({ a: pair[0], b: pair[1], identical: true });
    else named.push(pair);
  }
  // A generated name may have come to stand for another weight: bytes count more than such a name.
  for (const [x, y] of named) {
    inA.add(x);
    inB.add(y);
  }
  const takeSame = async (keyOf: (w: Weight) => string): Promise<void> => {
    for (const [x, y] of take(keyOf)) {
      if (await haveSameBytes(x, y, isOnePlace, pace)) identical.push({ a: x, b: y, identical: true });
      else {
        inA.add(x);
        inB.add(y);
      }
    }
  };
  await takeSame((w) => {
    const { digest, isUniform } = fingerprint(w);
    return isUniform ? shaped(w) : digest;
  });
  const other = [...take(shaped), ...take(plain)];
  await takeSame((w) => fingerprint(w).digest);
  other.push(...take(({ name }) => name), ...take(({ name }) => plainName(name)));
  return {
    pairs: [...identical, ...other.map(([x, y]) => ({ a: x, b: y, identical: false }))],
    added: [...inB],
    removed: [...inA],
  };
}

/** Pairs of one key, in order where several have it in the same number on both sides. */
function matched(a: Iterable<Weight>, b: Iterable<Weight>, keyOf: (w: Weight) => string): [Weight, Weight][] {
  const [inA, inB] = [groupBy(a, keyOf), groupBy(b, keyOf)];
  return [...inA].flatMap(([key, left]) => {
    const right = inB.get(key) ?? [];
    return right.length === left.length ? left.map((w, i): [Weight, Weight] => [w, right[i] as Weight]) : [];
  });
}
