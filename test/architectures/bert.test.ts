import { expect, test } from "vitest";
import { problemsOf } from "./problems.ts";

test("a width that is no multiple of the heads is refused", () => {
  const problems = problemsOf("bert", "feature-extraction_base", { config: { num_attention_heads: 7 } });
  expect(problems).toEqual([
    {
      code: "config.unsupported",
      severity: "error",
      path: "config.json: hidden_size",
      message: "is 32, expected a multiple of num_attention_heads, which is 7",
    },
  ]);
});
