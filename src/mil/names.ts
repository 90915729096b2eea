/**
 * Words that the MIL text parser owns.
 * https://github.com/apple/coremltools/blob/9.0/coremltools/converters/mil/mil/passes/defs/preprocess.py
 */
const reserved = new Set(
  "any bool program func tensor list dict tuple true false string bf16 fp16 fp32 fp64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 state".split(
    " ",
  ),
);

/** A legal identifier for a hint (`encoder.layer.0.weight`): letters, digits and underscores, no digit first. */
export function sanitised(hint: string): string {
  const clean = hint.replace(/[^A-Za-z0-9_]/g, "_");
  const named = /^[A-Za-z_]/.test(clean) ? clean : `var_${clean}`;
  return reserved.has(named) ? `${named}_workaround` : named;
}

/** Hands out unique identifiers; made unique after sanitising, since `a/b` and `a_b` become one. */
export function names(): (hint: string) => string {
  const taken = new Set<string>();
  const next = new Map<string, number>();
  return (hint) => {
    const base = sanitised(hint);
    let name = base;
    for (let i = next.get(base) ?? 0; taken.has(name); i++) {
      name = `${base}_${i}`;
      next.set(base, i + 1);
    }
    taken.add(name);
    return name;
  };
}
