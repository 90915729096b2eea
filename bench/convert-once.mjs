// One conversion without validation, as a process of its own; prints the largest resident set and the nodes written.
import { convert, ops, readPackage } from "../dist/index.js";

const [model, output, precision] = process.argv.slice(2);
const { packages } = await convert(model, { output, precision, overwrite: true, validate: false });
const peakBytes = process.resourceUsage().maxRSS * 1024;
const written = readPackage(packages[0].path, ops);
console.log(JSON.stringify({ peakBytes, nodes: written.program.functions.get("main").body.nodes.length }));
written.close();
