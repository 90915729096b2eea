/** How one output of one call compares with its reference. Plain JSON: what has no value is null. */
export interface Comparison {
  readonly output: string;
  readonly passed: boolean;
  /** Why it failed, in words; empty when it passed. */
  readonly failures: readonly string[];
  readonly shape: { readonly actual: readonly number[]; readonly expected: readonly number[] };
  /** Over the positions compared, pairs of finite numbers only; null when the shapes differ or there is no such pair. */
  readonly error: ErrorFigures | null;
  /** Over the whole output, masked positions too. */
  readonly nan: number;
  readonly infinite: number;
  /** The gate, and where it comes from; null when the shapes differ. */
  readonly tolerance: { readonly atol: number; readonly rule: string } | null;
  /** For outputs that rank. */
  readonly argMax: ArgMaxAgreement | null;
  /** The first value, in row-major order, that is outside the gate. */
  readonly firstDivergence: Divergence | null;
}

export interface ErrorFigures {
  /** Values compared. */
  readonly count: number;
  readonly maxAbsolute: number;
  readonly maxAbsoluteAt: readonly number[];
  readonly maxReference: number;
  /** max |difference| / max |reference|; null when the reference is all zero. */
  readonly relative: number | null;
  readonly rms: number;
  /** Root mean square of the difference over that of the reference; null when the reference is all zero. */
  readonly relativeRms: number | null;
  /** Null when either side is all zero. */
  readonly cosine: number | null;
  /** 20 log10(max |reference| / rms), in dB; null when nothing differs or the reference is all zero. */
  readonly psnr: number | null;
}

/** Rows along the last axis. */
export interface ArgMaxAgreement {
  readonly rows: number;
  readonly agreeing: number;
  /** Rows that disagree where the reference's two values are a tie. */
  readonly ties: number;
}

export interface Divergence {
  readonly index: readonly number[];
  /** Null for NaN and infinity, which JSON has no words for. */
  readonly actual: number | null;
  readonly expected: number | null;
}
