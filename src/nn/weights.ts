import type { TensorSource } from "../checkpoint/checkpoint.ts";
import { ConversionError, type Diagnostic } from "../diagnostics.ts";
import { isFloat } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { cast } from "../tensor/views.ts";
import { nearest } from "./nearest.ts";

/** How an architecture reads names other than today's. */
export interface Naming {
  /** Prefix of the trunk (`bert`): there in a checkpoint with a head, absent in one of the bare model. */
  readonly base: string;
  /** Old names to new ones, applied in order. */
  readonly rename?: readonly (readonly [RegExp, string])[];
  /** Tensors that may be there and are not needed. */
  readonly ignore?: readonly RegExp[];
}

/** How many missing or left-over tensors are listed one by one. */
const MAX_LISTED = 20;

interface Ledger {
  readonly source: TensorSource;
  /** Today's name to the name in the file. */
  readonly names: ReadonlyMap<string, string>;
  readonly used: Set<string>;
  readonly problems: Diagnostic[];
}

/**
 * A path cursor over a checkpoint: a tensor is asked for by name and shape, and every tensor is accounted for. What is
 * missing or mis-shaped is collected, so that a wrong config shows all that it breaks.
 */
export class Weights {
  readonly path: string;
  private readonly ledger: Ledger;

  private constructor(path: string, ledger: Ledger) {
    this.path = path;
    this.ledger = ledger;
  }

  static over(source: TensorSource, naming: Naming): Weights {
    const today = (name: string): string => (naming.rename ?? []).reduce((n, [from, to]) => n.replace(from, to), name);
    return new Weights("", {
      source,
      names: new Map(source.names().map((n) => [today(n), n])),
      used: new Set(),
      problems: [],
    });
  }

  /** The cursor at a sub-path: `w.at("encoder.layer", 3)`. */
  at(...parts: readonly (string | number)[]): Weights {
    return new Weights([this.path, ...parts].filter((p) => p !== "").join("."), this.ledger);
  }

  /** The trunk: at its prefix, or here when the checkpoint is that of the bare model. */
  base(prefix: string): Weights {
    return this.holds(prefix) ? this.at(prefix) : this;
  }

  /** Whether any tensor lies below the sub-path. */
  holds(path: string): boolean {
    const full = this.full(path);
    for (const name of this.ledger.names.keys()) if (name === full || name.startsWith(`${full}.`)) return true;
    return false;
  }

  private full(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }

  /** The shape of a tensor, if it is there. Does not count as use. */
  shapeOf(name: string): readonly number[] | undefined {
    const stored = this.ledger.names.get(this.full(name));
    return stored === undefined ? undefined : this.ledger.source.get(stored)?.shape;
  }

  /** The tensor in fp32. Missing, of another shape or of integers, it becomes zeros and a problem that `account` throws. */
  get(name: string, shape: readonly number[]): LazyTensor {
    const full = this.full(name);
    const stored = this.ledger.names.get(full);
    const found = stored === undefined ? undefined : this.ledger.source.get(stored);
    if (stored === undefined || !found) {
      const hint = this.ledger.problems.length < MAX_LISTED && nearest(full, [...this.ledger.names.keys()]);
      return this.broken(
        "weight.missing",
        full,
        `is not in the checkpoint, the config implies [${shape}]`,
        shape,
        hint ? `nearest: ${hint}` : undefined,
      );
    }
    this.ledger.used.add(full);
    if (String(found.shape) !== String(shape))
      return this.broken("weight.shape", full, `is [${found.shape}], the config implies [${shape}]`, shape);
    if (!isFloat(found.dtype))
      return this.broken("weight.dtype", full, `holds ${found.dtype}, expected floating-point numbers`, shape);
    return cast(found, "fp32");
  }

  /** Counts a tensor as accounted for although the graph does not read it (a tied head that is stored as well). */
  skip(name: string): void {
    this.ledger.used.add(this.full(name));
  }

  private broken(
    code: string,
    path: string,
    message: string,
    shape: readonly number[],
    hint?: string | undefined,
  ): LazyTensor {
    this.ledger.problems.push({ code, severity: "error", path, message, ...(hint ? { hint } : {}) });
    // Lazy: a config may imply more than memory holds.
    return { dtype: "fp32", shape, key: `missing ${path}`, read: (_start, _count, out) => out.fill(0) };
  }

  /**
   * Ends the reading.
   * @param ignore names that may be left over
   * @throws ConversionError `weight.*` listing everything missing, mis-shaped or left over
   */
  account(ignore: readonly RegExp[]): void {
    const left = [...this.ledger.names].filter(
      ([name, stored]) => !this.ledger.used.has(name) && !ignore.some((r) => r.test(name) || r.test(stored)),
    );
    const unused = left.map(
      ([name]): Diagnostic => ({
        code: "weight.unused",
        severity: "error",
        path: name,
        message: "is in the checkpoint, but the graph does not use it",
      }),
    );
    const all = [...this.ledger.problems, ...unused];
    if (all.length === 0) return;
    const more = all.length - MAX_LISTED;
    const rest: Diagnostic[] =
      more > 0 ? [{ code: "weight.more", severity: "error", message: `and ${more} more tensors` }] : [];
    throw new ConversionError("unsupported", [...all.slice(0, MAX_LISTED), ...rest]);
  }
}
