/** What a narrowing float cast did to the values of one tensor. */
export interface CastStatistics {
  elements: number;
  /** Finite values that became infinite. */
  overflowed: number;
  /** Non-zero values that became zero. */
  flushed: number;
  /** Non-zero results below the smallest normal number of the target type: they keep fewer bits. */
  subnormal: number;
  /** NaN in the source. */
  nan: number;
  /** Infinity in the source. */
  infinite: number;
}

export const noStatistics = (): CastStatistics => ({
  elements: 0,
  overflowed: 0,
  flushed: 0,
  subnormal: 0,
  nan: 0,
  infinite: 0,
});
