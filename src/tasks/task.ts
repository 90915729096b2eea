import type { Diagnostic } from "../diagnostics.ts";
import type { Tensor } from "../mil/tensor.ts";
import type { Plan, PlannedOutput, TaskId } from "../plan.ts";

/** What a task's plan is made from. */
export interface TaskContext {
  readonly config: Readonly<Record<string, unknown>>;
  /** Labels of the head, in order: from `id2label`, else `LABEL_i`. */
  readonly labels: readonly string[];
  readonly problem: "regression" | "single_label_classification" | "multi_label_classification";
  /** Whether the checkpoint has weights for the architecture's pooler; undefined where it has none by design. */
  readonly pooler: boolean | undefined;
  readonly choices: number;
  warn(diagnostic: Omit<Diagnostic, "severity">): void;
}

export type TaskPlan = Pick<Plan, "outputs" | "labels" | "classifier" | "choices">;

/** A task: its names, what goes in and out, and how raw outputs become those of the contract. One file each. */
export interface Task {
  readonly id: TaskId;
  /** The name it had in the 2023 exporter. */
  readonly olderName?: string;
  /** The Transformers class it stands for. */
  readonly autoModel: string;
  /** How the names of such classes end in a config's `architectures`. */
  readonly classSuffix: RegExp;
  /** Where the shape of text inputs has a dimension of choices. */
  readonly hasChoices?: boolean;
  /** Whether token_type_ids is an input by default, of a model with the given number of segments. */
  segments?(count: number): boolean;
  plan(context: TaskContext): TaskPlan;
  /** Raw outputs of the head under the keys of the plan. Default: as they are. */
  adapt?(raw: Readonly<Record<string, Tensor>>, plan: Plan): Readonly<Record<string, Tensor>>;
}

export const defineTask = (task: Task): Task => task;

export const output = (key: string, finish: PlannedOutput["finish"] = "none", name = key): PlannedOutput => ({
  key,
  name,
  finish,
});
