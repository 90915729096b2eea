// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#module-coremltools.converters.mil.mil.ops.defs.iOS18.transformers
import { type Dim, dimsText } from "../dim.ts";
import { optionalTensor, tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";
import { sizeOf } from "./resize.ts";

/**
 * softmax(query·keyᵀ / √E + attn_mask)·value over query [B, *, L, E], key [B, *, S, E] and value [B, *, S, EV]. A bool
 * mask is true where attention is allowed.
 */
export const scaled_dot_product_attention = defineOp("scaled_dot_product_attention", {
  since: "iOS18",
  in: [tensor("query", "T"), tensor("key", "T"), tensor("value", "T")],
  options: [optionalTensor("attn_mask", "M")],
  domains: { T: float, M: [...float, "bool"] },
  infer(call) {
    const [query, key, value] = [call.type("query"), call.shape("key"), call.shape("value")];
    const rank = query.shape.length;
    if (rank < 3 || key.length !== rank || value.length !== rank) {
      call.refuse(`query, key and value have ranks ${rank}, ${key.length}, ${value.length}, expected one of 3 or more`);
    }
    const batch = query.shape.slice(0, -2).map((d, i) => {
      call.unify(d, value[i] as Dim, "batch dimensions of query and value");
      return call.unify(d, key[i] as Dim, "batch dimensions of query and key");
    });
    const [length, inner] = query.shape.slice(-2) as [Dim, Dim];
    call.unify(inner, key.at(-1) as Dim, "last dimensions of query and key");
    const keys = call.unify(key.at(-2) as Dim, value.at(-2) as Dim, "lengths of key and value");
    if (call.has("attn_mask")) {
      const [mask, scores] = [call.type("attn_mask"), [...batch, length, keys]];
      call.unify(mask.shape.at(-1) ?? 1, keys, "last dimension of the mask and the length of key");
      if (!call.broadcastsTo(mask.shape, scores)) {
        call.refuse(`mask ${dimsText(mask.shape)} for scores ${dimsText(scores)}`);
      }
    }
    return result(query.dtype, [...batch, length, value.at(-1) as Dim]);
  },
  onnx(call) {
    const rank = call.rank("query");
    const order = Array.from({ length: rank }, (_, i) => i);
    const turned = call.node("Transpose", [call.in("key")], { perm: [...order.slice(0, -2), rank - 1, rank - 2] });
    const query = call.node("Div", [call.in("query"), call.node("Sqrt", [sizeOf(call, rank - 1, "query")])]);
    const scores = call.node("MatMul", [query, turned]);
    const weights = call.node("Softmax", [masked(scores)], { axis: -1 });
    return call.node("MatMul", [weights, call.in("value")]);

    function masked(x: string): string {
      if (!call.has("attn_mask")) return x;
      const mask = call.in("attn_mask");
      if (call.dtype("attn_mask") !== "bool") return call.node("Add", [x, mask]);
      return call.node("Where", [mask, x, call.float(Number.NEGATIVE_INFINITY)]);
    }
  },
});
