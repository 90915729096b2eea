/** Numbers that look random and are the same on every machine: additions, multiplications and shifts of 32 bits. */
export interface Random {
  /** In [0, 1), a multiple of 2^-32. */
  uniform(): number;
  /** A whole number in [0, below). */
  integer(below: number): number;
  /** Mean 0, standard deviation 1, within ±6. */
  normal(): number;
}

/**
 * A 32-bit Weyl sequence, seeded by number and name, through the finaliser of MurmurHash3
 * (https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp). `purpose` gives every input set a stream of
 * its own, so that adding one leaves the others as they were.
 */
export function seededRandom(seed: number, purpose: string): Random {
  let state = mixed(seed >>> 0);
  for (const character of purpose) state = mixed(state ^ (character.codePointAt(0) ?? 0));
  const uniform = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    return mixed(state) / 2 ** 32;
  };
  return {
    uniform,
    integer: (below) => Math.floor(uniform() * below),
    // Twelve uniforms have variance 1. Math.log and Math.cos, which a Box-Muller transform needs, differ between engines.
    normal() {
      let sum = -6;
      for (let i = 0; i < 12; i++) sum += uniform();
      return sum;
    },
  };
}

function mixed(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
