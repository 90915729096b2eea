import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fail } from "../diagnostics.ts";

/** Where the Hub is, who asks, and where its files are kept. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** The folder that holds `models--namespace--name`; absolute. */
  readonly cacheDir: string;
  readonly offline: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings given, or else those of the environment variables that the Hub's Python tools read:
 * https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 * @throws ConversionError (usage) `hub.endpoint`, `hub.token` where a value cannot be one
 */
export function hubSettings(given: Partial<HubSettings>, env: Environment): HubSettings {
  const home = expand(env.HF_HOME || join(env.XDG_CACHE_HOME || "~/.cache", "huggingface"));
  const cache = given.cacheDir || env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, "hub");
  return {
    endpoint: checkEndpoint(given.endpoint || env.HF_ENDPOINT || "https://huggingface.co"),
    token: checkToken(given.token || implicitToken(env, home)),
    cacheDir: expand(cache),
    offline: given.offline ?? (isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE)),
  };
}

const expand = (path: string): string => resolve(path.replace(/^~(?=$|[\\/])/, homedir()));

const isTrue = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? "");

function checkEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    fail("usage", "hub.endpoint", `the Hub's address is ${JSON.stringify(endpoint)}, expected an http(s) URL`, {
      hint: "check HF_ENDPOINT",
    });
  }
  return endpoint.replace(/\/+$/, "");
}

/** What a header may not hold would be refused later, with the token in the message. */
function checkToken(token: string | undefined): string | undefined {
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    fail("usage", "hub.token", "the Hub token holds spaces or other characters that a token never has", {
      hint: "check HF_TOKEN and the token file, or run `hf auth login` again",
    });
  }
  return token;
}

function implicitToken(env: Environment, home: string): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const token = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || tokenFile(env.HF_TOKEN_PATH || join(home, "token"));
  return token?.trim() || undefined;
}

/** What `hf auth login` wrote; most machines have none. */
function tokenFile(path: string): string | undefined {
  try {
    return readFileSync(expand(path), "utf8");
  } catch {
    return undefined;
  }
}
