import type { Diagnostic } from "../diagnostics.ts";
import type { Dim } from "../mil/dim.ts";
import type { Graph, Tensor } from "../mil/tensor.ts";
import type { KeyValue } from "../nn/attention.ts";
import type { Naming, Weights } from "../nn/weights.ts";
import type { TaskId } from "../plan.ts";
import type { Config, Schema } from "./config.ts";

/** What a head builds from. */
export interface Build<C> {
  readonly graph: Graph;
  readonly config: C;
  /** The cursor at the checkpoint's root; heads live there. */
  readonly root: Weights;
  /** The cursor at the trunk. */
  readonly base: Weights;
  /** `input_ids`, `attention_mask`, `token_type_ids` [b, s] int32; absent where the plan has none. */
  readonly inputs: { readonly [key: string]: Tensor | undefined };
  /** Pixels, normalised, [1, channels, height, width]; `size` is what the plan gives the image. */
  readonly image?: Tensor;
  /** Keys and values of what was seen before, one entry per layer. Absent: nothing was. */
  readonly past?: readonly KeyValue[];
  /** How long the past is: 0 without one. */
  readonly pastLength: Dim;
  /** Set when the caller wants keys and values out: every layer calls it once, in order, past included. */
  readonly present?: (layer: KeyValue) => void;
  /** How many labels the head has: from `id2label`, `num_labels`, or Transformers' two. */
  readonly labels: number;
}

/** Raw outputs of a model with one head, under the names Transformers gives them. */
export type Head<C> = (build: Build<C>) => Readonly<Record<string, Tensor>>;

/** What a plan must know of a config. */
export interface TextTraits {
  readonly kind: "text";
  /** The most positions the model has, undefined where nothing bounds them. */
  readonly maxLength: number | undefined;
  readonly vocabulary: number;
  /** Rows of the segment table; 0 or 1: no `token_type_ids` input by default. `undefined`: the model has no segments. */
  readonly segments: number | undefined;
  /** Where below the trunk the pooler's weights lie, for an architecture that has one. */
  readonly pooler?: string;
  /** What a cache looks like, for a decoder that can have one. */
  readonly cache?: { readonly layers: number; readonly heads: number; readonly headSize: number };
}
export interface ImageTraits {
  readonly kind: "image";
  readonly channels: number;
  /** Channel order of the pixels, RGB unless stated. */
  readonly colorSpace?: "RGB" | "BGR";
  readonly pooler?: string;
  /** [height, width] of the image the model was trained on, used where the processor states none. */
  readonly size: readonly [number, number];
  /** Patches of an image of the given size, for masked image modelling. */
  patches(height: number, width: number): number;
}

/** A model type: one file. The keys of `heads` are the support matrix. */
export interface Architecture<S extends Schema = Schema> {
  readonly modelType: string;
  /** The modeling file it follows. */
  readonly reference: string;
  readonly config: S;
  /** What is wrong between keys that are right one by one: sizes that do not fit each other. */
  check?(config: Config<S>): readonly Diagnostic[];
  readonly naming: Naming;
  traits(config: Config<S>): TextTraits | ImageTraits;
  readonly heads: Partial<Readonly<Record<TaskId, Head<Config<S>>>>>;
}

/** An architecture whose config type no longer matters: what tables of architectures hold. */
export type AnyArchitecture = Omit<Architecture, "check" | "traits" | "heads"> & {
  check?(config: never): readonly Diagnostic[];
  traits(config: never): TextTraits | ImageTraits;
  readonly heads: Partial<Readonly<Record<TaskId, Head<never>>>>;
};

/** Checks an architecture's types where it is written. */
export const defineArchitecture = <const S extends Schema>(a: Architecture<S>): Architecture<S> => a;
