import { expect, test, vi } from "vitest";
import { printDiagnostics } from "../../src/shells/failure.ts";

test("a terminal is not made to obey what a file says", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    const [path, message, hint] = ["a\u001b]0;title\u0007", "tensor 'x\u009b2J' is missing\n\tsee above", "try \u0000"];
    printDiagnostics([{ code: "weight.missing", severity: "error", path, message, hint }]);
    const printed = write.mock.calls.map(([text]) => String(text)).join("");
    expect(printed).toContain("a\\u001b]0;title\\u0007: tensor 'x\\u009b2J' is missing\n\tsee above");
    expect(printed).toContain("try \\u0000");
  } finally {
    write.mockRestore();
  }
});
