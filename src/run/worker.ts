// The process that runs a package: a crash or an endless run in native code ends it, not the caller.
import { ConversionError, fail } from "../diagnostics.ts";
import { peakMemory } from "./peak-memory.ts";
import type { Failure, Reply, Request } from "./protocol.ts";
import type { Session } from "./session.ts";
import { Spill } from "./spill.ts";

let session: (Pick<Session, "run"> & Partial<Pick<Session, "runAll">>) | undefined;
/** What to remove when nobody else can. */
let spill: Spill | undefined;
// ONNX Runtime's binding reads half precision from a Uint16Array only, and gives it out as one where this is unknown.
Reflect.deleteProperty(globalThis, "Float16Array");

/** ONNX Runtime has no build for some platforms (Intel Macs, Alpine): that is an answer too. */
async function loaded<T>(modules: Promise<T>): Promise<T> {
  try {
    return await modules;
  } catch (cause) {
    const message = `ONNX Runtime does not load here: ${(cause as Error).message}`;
    return fail("validation", "run.unavailable", message, { hint: "convert with --no-validate" });
  }
}

async function answer(request: Request): Promise<Reply> {
  try {
    if (request.kind === "open-onnx") {
      const { openOnnxFile } = await loaded(import("./onnx-file/onnx-file.ts"));
      const file = await openOnnxFile(request.file);
      session = file;
      return { kind: "opened-onnx", signature: file.signature, peakMemory: peakMemory() };
    }
    if (request.kind === "open" || request.kind === "start") {
      const { openSession, startSession } = await loaded(import("./session.ts"));
      if (request.kind === "open") spill = new Spill(request.spill);
      const opened =
        request.kind === "open"
          ? await openSession(request.path, request.options, spill)
          : await startSession(request.lowered, request.interface, request.path);
      spill?.close();
      session = opened;
      const { roundings, blocks, classes } = opened;
      return {
        kind: "opened",
        interface: opened.interface,
        roundings,
        blocks,
        peakMemory: peakMemory(),
        ...(classes ? { classes } : {}),
      };
    }
    if (request.kind === "run-all") {
      if (!session?.runAll) throw new TypeError("no package is open");
      const results = await session.runAll(request.calls);
      return {
        kind: "ran-all",
        results: results.map((r) => (r.status === "fulfilled" ? r.value : failure(r.reason))),
        peakMemory: peakMemory(),
      };
    }
    if (!session) throw new TypeError("no package is open");
    return { kind: "ran", prediction: await session.run(request.inputs), peakMemory: peakMemory() };
  } catch (cause) {
    return failure(cause);
  }
}

function failure(cause: unknown): Failure {
  if (cause instanceof ConversionError) return { kind: "failed", error: cause.kind, diagnostics: cause.diagnostics };
  const message = cause instanceof Error ? cause.message : String(cause);
  return { kind: "failed", error: "internal", diagnostics: [{ code: "run.failed", severity: "error", message }] };
}

process.on("message", async (request: Request) => {
  process.send?.(await answer(request));
});
// A terminal and a service manager signal a whole group of processes. The parent decides what to do about it, and its
// end is heard here; a process that a signal ended would leave its file behind.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
// The parent is gone: nobody is left to answer, nor to remove the file.
process.on("disconnect", () => {
  spill?.remove();
  process.exit();
});
