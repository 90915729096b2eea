import type { AnyArchitecture } from "./architecture.ts";
import { bert } from "./bert.ts";
import { distilbert } from "./distilbert.ts";
import { gpt2 } from "./gpt2.ts";
import { roberta } from "./roberta.ts";
import { vit } from "./vit.ts";

/** Every architecture, by `model_type`. */
export const architectures: readonly AnyArchitecture[] = [bert, distilbert, gpt2, roberta, vit];
