// The process that runs a package: a crash or an endless run in native code ends it, not the caller.
import { ConversionError, fail } from "../diagnostics.ts";
import type { Reply, Request } from "./protocol.ts";
import type { Session } from "./session.ts";

const peakMemory = (): number => process.resourceUsage().maxRSS * 1024;
let session: Session | undefined;

/** ONNX Runtime has no build for some platforms (Intel Macs, Alpine): that is an answer too. */
async function sessions(): Promise<typeof import("./session.ts")> {
  try {
    return await import("./session.ts");
  } catch (cause) {
    const message = `ONNX Runtime does not load here: ${(cause as Error).message}`;
    return fail("validation", "run.unavailable", message, { hint: "convert with --no-validate" });
  }
}

async function answer(request: Request): Promise<Reply> {
  try {
    if (request.kind !== "run") {
      const { openSession, startSession } = await sessions();
      session =
        request.kind === "open"
          ? await openSession(request.path, request.options)
          : await startSession(request.lowered, request.interface, request.path);
      const { roundings, classes } = session;
      return {
        kind: "opened",
        interface: session.interface,
        roundings,
        peakMemory: peakMemory(),
        ...(classes ? { classes } : {}),
      };
    }
    if (!session) throw new TypeError("no package is open");
    return { kind: "ran", prediction: await session.run(request.inputs), peakMemory: peakMemory() };
  } catch (cause) {
    if (cause instanceof ConversionError) return { kind: "failed", error: cause.kind, diagnostics: cause.diagnostics };
    const message = cause instanceof Error ? cause.message : String(cause);
    return { kind: "failed", error: "internal", diagnostics: [{ code: "run.failed", severity: "error", message }] };
  }
}

process.on("message", async (request: Request) => {
  process.send?.(await answer(request));
});
// The parent is gone: nobody is left to answer.
process.on("disconnect", () => process.exit());
