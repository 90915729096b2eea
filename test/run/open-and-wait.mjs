// Opens the package given as its argument and waits to be ended.
import { execute } from "../../dist/run/execute.js";

const execution = await execute(process.argv[2], { mode: "wide" });
process.stdout.write(`${execution.blocks}\n`);
setInterval(() => undefined, 1000);
