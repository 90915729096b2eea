/** Lazy transforms: each gives a tensor that is computed, in pieces of at most `CHUNK_BYTES`, when it is read. */
export { cast } from "./cast.ts";
export { concatenated } from "./concatenate.ts";
export { reshaped } from "./contiguous.ts";
export { mapped } from "./map.ts";
export { permuted, transposed } from "./permute.ts";
export { sliced } from "./slice.ts";
