// Downloads one model and prints the peak of its memory: node download-once.mjs <id> <cache>
import { download } from "../dist/hub/download.js";

const [id, cacheDir] = process.argv.slice(2);
const begin = performance.now();
await download(id, { cacheDir });
const seconds = (performance.now() - begin) / 1000;
process.stdout.write(JSON.stringify({ downloadSeconds: seconds, peakBytes: process.resourceUsage().maxRSS * 1024 }));
