import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hubSettings } from "../../src/hub/settings.ts";

describe("hubSettings", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "home-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it("has the defaults of the Python tools", () => {
    expect(hubSettings({}, { HF_TOKEN_PATH: join(home, "none") })).toEqual({
      endpoint: "https://huggingface.co",
      token: undefined,
      cacheDir: join(homedir(), ".cache/huggingface/hub"),
      offline: false,
    });
  });

  it("looks for the cache where they do, the most exact variable first", () => {
    const env: Record<string, string> = { XDG_CACHE_HOME: "/xdg" };
    const cache = () => hubSettings({}, env).cacheDir;
    expect(cache()).toBe(resolve("/xdg/huggingface/hub"));
    env.HF_HOME = "~/hf";
    expect(cache()).toBe(join(homedir(), "hf/hub"));
    env.HUGGINGFACE_HUB_CACHE = "/old";
    expect(cache()).toBe(resolve("/old"));
    env.HF_HUB_CACHE = "/new";
    expect(cache()).toBe(resolve("/new"));
    expect(hubSettings({ cacheDir: "mine" }, env).cacheDir).toBe(resolve("mine"));
  });

  it("takes the token that is given, or of the environment, or of the token file", () => {
    writeFileSync(join(home, "token"), "hf_file\n");
    const env: Record<string, string> = { HF_HOME: home };
    const token = (given = {}) => hubSettings(given, env).token;
    expect(token()).toBe("hf_file");
    writeFileSync(join(home, "other"), "hf_other");
    env.HF_TOKEN_PATH = join(home, "other");
    expect(token()).toBe("hf_other");
    env.HF_TOKEN = " hf_env ";
    expect(token()).toBe("hf_env");
    expect(token({ token: "hf_given" })).toBe("hf_given");
    env.HF_HUB_DISABLE_IMPLICIT_TOKEN = "1";
    expect(token()).toBeUndefined();
    expect(token({ token: "hf_given" })).toBe("hf_given");
  });

  it("reads the endpoint and the offline switches", () => {
    expect(hubSettings({}, { HF_ENDPOINT: "https://mirror.example/hf/" }).endpoint).toBe("https://mirror.example/hf");
    expect(hubSettings({}, { HF_HUB_OFFLINE: "YES" }).offline).toBe(true);
    expect(hubSettings({}, { TRANSFORMERS_OFFLINE: "1" }).offline).toBe(true);
    expect(hubSettings({ offline: false }, { HF_HUB_OFFLINE: "1" }).offline).toBe(false);
  });
});
