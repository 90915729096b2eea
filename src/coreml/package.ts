import type { Interface } from "../mil/interface.ts";
import type { Target } from "../mil/opset.ts";
import type { Program } from "../mil/program.ts";

/** Free text and keys that travel with a model. */
export interface Metadata {
  readonly shortDescription?: string;
  readonly author?: string;
  readonly license?: string;
  readonly versionString?: string;
  readonly userDefined: ReadonlyMap<string, string>;
}

/** Everything an ML Program package holds. */
export interface Model {
  readonly target: Target;
  readonly program: Program;
  /** By function name; a package with one function calls it `main`. */
  readonly interfaces: ReadonlyMap<string, Interface>;
  /** The function a caller gets who names none. */
  readonly defaultFunction: string;
  /** Whether the description lists functions (iOS18) or speaks of the only one. */
  readonly multifunction: boolean;
  readonly metadata: Metadata;
}
