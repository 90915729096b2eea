import { describe, expect, it } from "vitest";
import { HubFixture } from "./hub-fixture.ts";
import { single } from "./model.ts";

describe("download, refused,", () => {
  const fixture = new HubFixture();
  const files = single(100);

  it("tells a gated repository: without a token, and with one that has no access", async () => {
    fixture.hub.repository("org/name", files).gated = "manual";
    expect(await fixture.failure("org/name")).toEqual({
      code: "hub.gated",
      message: "access to the repository is restricted by its owner, and no token was given",
      hint: expect.stringContaining(`ask for access at ${fixture.hub.endpoint}/org/name, then pass a token`),
    });
    expect(await fixture.failure("org/name", { token: "hf_stranger" })).toEqual({
      code: "hub.gated",
      message: expect.stringContaining("the account of the token has not been given access"),
      hint: `ask for access at ${fixture.hub.endpoint}/org/name`,
    });
  });

  it("tells a missing or private repository, with a token and without", async () => {
    fixture.hub.repository("org/name", files).private = true;
    for (const id of ["org/name", "org/none"]) {
      expect(await fixture.failure(id)).toEqual({
        code: "hub.not-found",
        message: "the Hub has no such model, or it is private",
        hint: expect.stringContaining("set HF_TOKEN"),
      });
      expect(await fixture.failure(id, { token: "hf_stranger" })).toMatchObject({
        code: "hub.not-found",
        hint: expect.stringContaining("the token's account"),
      });
    }
  });

  it("tells a token that the Hub does not know, without printing it", async () => {
    fixture.hub.repository("org/name", files);
    const failure = await fixture.failure("org/name", { token: "hf_unknown" });
    expect(failure.code).toBe("hub.token");
    expect(JSON.stringify(failure)).not.toContain("hf_unknown");
  });

  it("tells a missing revision and a disabled repository", async () => {
    const repository = fixture.hub.repository("org/name", files);
    expect(await fixture.failure("org/name", { revision: "v9" })).toMatchObject({
      code: "hub.revision",
      message: 'the repository has no branch, tag or commit "v9"',
    });
    repository.disabled = true;
    expect(await fixture.failure("org/name")).toMatchObject({ code: "hub.disabled" });
  });

  it("says what a repository holds that is no checkpoint in safetensors", async () => {
    fixture.hub.repository("org/none", { "README.md": "", "model.gguf": "" });
    expect(await fixture.failure("org/none")).toMatchObject({
      code: "hub.files",
      message: "there is no config.json, expected a Transformers checkpoint, found README.md, model.gguf",
    });
    fixture.hub.repository("org/torch", { "config.json": "{}", "pytorch_model.bin": "" });
    expect(await fixture.failure("org/torch")).toMatchObject({
      code: "hub.format",
      message: "there is no model.safetensors or model.safetensors.index.json, found pytorch_model.bin",
    });
    const index = JSON.stringify({ weight_map: { a: "a.safetensors", b: "../../b.safetensors" } });
    fixture.hub.repository("org/index", { "config.json": "{}", "model.safetensors.index.json": index });
    expect(await fixture.failure("org/index")).toMatchObject({ code: "hub.index" });
  });

  it("keeps signatures out of messages", async () => {
    fixture.hub.repository("org/name", files);
    const denied = { kind: "reply", reply: { status: 403 } } as const;
    fixture.hub.inject(denied, ({ server }) => server === "storage", 6);
    const failure = await fixture.failure("org/name");
    expect(failure.message).toContain("/lfs/");
    expect(JSON.stringify(failure)).not.toContain("X-Amz");
  });

  it("tells when there is no server", async () => {
    const { endpoint } = fixture.hub;
    await fixture.hub.stop();
    expect(await fixture.failure("org/name")).toMatchObject({
      code: "hub.unreachable",
      message: expect.stringMatching(`^cannot read ${endpoint}/api/models/org/name/revision/main: .*ECONNREFUSED`),
    });
  });

  it.each(["", "a/b/c", "../x", "a/..", "/name", "org/na me", "org/-name", "org/a--b", "name.git"])(
    "refuses the id %j",
    async (id) => {
      expect(await fixture.failure(id)).toMatchObject({ code: "hub.id" });
      expect(fixture.hub.log).toEqual([]);
    },
  );

  it.each(["", "../../x", "a//b", "/etc", "C:x", "a\\b", "a\nb"])("refuses the revision %j", async (revision) => {
    expect(await fixture.failure("org/name", { revision })).toMatchObject({ code: "hub.revision" });
  });

  it.each([
    ["hub.token", { token: "hf_a b" }],
    ["hub.endpoint", { endpoint: "huggingface.co" }],
  ])("refuses a setting: %s", async (code, options) => {
    expect(await fixture.failure("org/name", options)).toMatchObject({ code });
  });
});
