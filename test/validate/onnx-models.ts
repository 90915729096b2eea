import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { buildGraph } from "../../src/assembly/graph.ts";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { writeSafetensors } from "../../src/checkpoint/write-safetensors.ts";
import type { Func } from "../../src/mil/program.ts";
import type { PlanOptions } from "../../src/options.ts";
import type { Plan, TaskId } from "../../src/plan.ts";
import { makePlan } from "../../src/planning/make-plan.ts";
import { tensorOf } from "../../src/tensor/memory.ts";
import { seeded } from "../fixtures/case.ts";

/** A checkpoint and the ONNX file PyTorch made of it: see fixtures/README.md. */
export interface OnnxModel {
  readonly name: string;
  readonly task: TaskId;
  readonly config: Record<string, unknown>;
  readonly preprocessor?: Record<string, unknown>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

const root = fileURLToPath(new URL("../../fixtures/onnx/", import.meta.url));

export const onnxModels: readonly OnnxModel[] = JSON.parse(readFileSync(join(root, "models.json"), "utf8")).models;

export function onnxModel(name: string): OnnxModel {
  const model = onnxModels.find((m) => m.name === name);
  if (!model) throw new RangeError(`no model ${name}`);
  return model;
}

export const onnxFile = (name: string): string => join(root, `${name}.onnx`);

/** What a folder is made of beside `config.json` and weights. */
export interface FolderOptions {
  /** Which model's ONNX file lies at which name of the folder. Default: the model's own at `onnx/model.onnx`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Changes the weights. */
  readonly edit?: (name: string, values: Float32Array) => void;
  readonly config?: Record<string, unknown>;
}

/** Folders for one test file, gone when it ends. */
export function modelFolders() {
  const folder = mkdtempSync(join(tmpdir(), "onnx-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return {
    /** A name for the output of a conversion. */
    output: (): string => join(folder, `out${count++}`),
    /** Writes a checkpoint as a repository would hold it. */
    write({ name, config, preprocessor, tensors }: OnnxModel, options: FolderOptions = {}): string {
      const path = join(folder, `model${count++}`);
      mkdirSync(path);
      writeFileSync(join(path, "config.json"), JSON.stringify({ ...config, ...options.config }));
      if (preprocessor) writeFileSync(join(path, "preprocessor_config.json"), JSON.stringify(preprocessor));
      const weights = Object.entries(tensors).map(([key, shape]) => {
        const values = seeded(key, shape);
        options.edit?.(key, values);
        return [key, tensorOf("fp32", shape, values, key)] as const;
      });
      writeSafetensors(join(path, "model.safetensors"), new Map(weights));
      for (const [at, model] of Object.entries(options.files ?? { "onnx/model.onnx": name })) {
        mkdirSync(dirname(join(path, at)), { recursive: true });
        copyFileSync(onnxFile(model), join(path, at));
      }
      return path;
    },
  };
}

/** The first plan of a checkpoint, and its graph. */
export function buildFrom(checkpoint: Checkpoint, options: PlanOptions): { readonly plan: Plan; readonly func: Func } {
  const planned = makePlan(checkpoint, options);
  const plan = planned.plans[0] as Plan;
  const [func] = buildGraph(plan, planned, checkpoint).program.functions.values();
  return { plan, func: func as Func };
}
