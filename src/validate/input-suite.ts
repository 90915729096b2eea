import type { Plan } from "../plan.ts";
import type { HostTensors } from "../run/host-tensor.ts";
import { imageSets } from "./image-suite.ts";
import type { InputSet, InputSuite } from "./input-set.ts";
import { inputOf } from "./lengths.ts";
import { comparedPositions } from "./positions.ts";
import { textSets } from "./text-suite.ts";
import type { TextEncoder } from "./tokenizer.ts";

export interface SuiteOptions {
  /** Default 0. Equal seeds give equal inputs, on every machine. */
  readonly seed?: number;
  /** Rows of the token embedding; needed where the plan takes token ids. */
  readonly vocabulary?: number;
  /** Rows of the segment embedding. Default 2. */
  readonly segments?: number;
  /** What stands at masked positions. 0 where it is none of the vocabulary's. */
  readonly paddingId?: number;
  /** The model's own, for sentences. */
  readonly tokenizer?: TextEncoder;
}

/**
 * The calls a package of this plan is tried with: every length that matters, padding, edges and real text, or images.
 * @throws RangeError when the plan takes token ids and the vocabulary is not given
 */
export function inputSuite(plan: Plan, options: SuiteOptions = {}): InputSuite {
  const { seed = 0 } = options;
  const { calls, diagnostics } = inputOf(plan, "ids")
    ? textSets(plan, seed, options)
    : { calls: imageSets(plan, seed), diagnostics: [] };
  const set = ([name, inputs]: readonly [string, HostTensors]): InputSet => ({
    name,
    inputs,
    compare: comparedPositions(plan, inputs),
  });
  return { seed, sets: [...calls].map(set), diagnostics };
}
