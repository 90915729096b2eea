import { join } from "node:path";
import { INDEX, SINGLE } from "../checkpoint/weights.ts";
import { type RepositoryCache, sizeOf } from "./cache.ts";
import { shardsOf } from "./needed-files.ts";
import { hubError } from "./refusal.ts";

/**
 * The commit in the cache that a revision stood for last, if all that a conversion cannot do without is there.
 * @throws ConversionError `hub.offline`
 */
export async function cachedCommit(cache: RepositoryCache, id: string, revision: string): Promise<string> {
  const commit = await cache.commitOf(revision);
  const missing = commit === undefined ? [`revision ${revision}`] : await missingFiles(cache.snapshot(commit));
  if (commit !== undefined && missing.length === 0) return commit;
  const shown = missing.slice(0, 5).join(", ") + (missing.length > 5 ? `, … (${missing.length})` : "");
  throw hubError("hub.offline", `offline, and the cache lacks ${shown}`, {
    path: id,
    hint: `looked in ${cache.folder}; run once without --offline (HF_HUB_OFFLINE)`,
  });
}

async function missingFiles(snapshot: string): Promise<string[]> {
  const lacks = async (name: string): Promise<boolean> => (await sizeOf(join(snapshot, name))) === undefined;
  if (await lacks("config.json")) return ["config.json"];
  if (!(await lacks(SINGLE))) return [];
  if (await lacks(INDEX)) return [SINGLE];
  const missing: string[] = [];
  for (const shard of shardsOf(join(snapshot, INDEX))) if (await lacks(shard)) missing.push(shard);
  return missing;
}
