import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { weightsSha256 } from "../../src/checkpoint/hash.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { readPackage } from "../../src/coreml/read-package.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Plan } from "../../src/plan.ts";
import { FakeHub } from "../hub/fake-hub/fake-hub.ts";
import { modelFolders, onnxModel } from "../validate/onnx-models.ts";
import { type Finished, runCli, startCli } from "./run-cli.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder("hub");
const inScratch = (name: string): string => join(scratch, name);
const folder = "examples/digits-vit/model";
const id = "digits/digits-vit";
const models = modelFolders();

/** The example, as its repository would hold it, and what nobody needs. */
const files = {
  ...Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))])),
  "pytorch_model.bin": Buffer.alloc(5_000_000, 7),
};
const config = JSON.parse(files["config.json" as keyof typeof files].toString());

let hub: FakeHub;
beforeAll(async () => {
  hub = await FakeHub.start();
});
afterAll(() => hub.stop());
beforeEach(() => {
  hub.state.repositories.clear();
  hub.state.renames.clear();
  hub.log.length = 0;
  rmSync(inScratch("home"), { recursive: true, force: true });
  hub.repository(id, files);
});

const env = () => ({ HF_ENDPOINT: hub.endpoint, HF_HOME: inScratch("home"), HF_TOKEN: "hf_reader" });
const cli = (...args: readonly string[]): Promise<Finished> => runCli(args, { env: env() });
const weightRequests = () => hub.requests("storage").map(({ headers }) => headers.range);
const bytesOf = (path: string) => {
  const all = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return all.map(({ parentPath, name }) => readFileSync(join(parentPath, name)).toString("base64")).sort();
};

describe("convert, of a model on the Hub,", () => {
  test("notes the commit and the Hub's hash, and gives the same package offline and from a folder", async () => {
    const args = ["-m", id, "--feature", "auto"];
    const { status, stderr } = await cli(...args, inScratch("online"));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    using model = readPackage(inScratch("online/Model.mlpackage"), ops);
    const { userDefined, author } = model.metadata;
    const commit = hub.state.repositories.get(id)?.refs.get("main");
    const checkpoint = openCheckpoint(folder);
    const hash = await weightsSha256(checkpoint.weightFiles);
    checkpoint.close();
    expect(userDefined.get("coreml-export.source_revision")).toBe(commit);
    expect(userDefined.get("coreml-export.weights_sha256")).toBe(hash);
    expect(userDefined.get("co.huggingface.exporters.name")).toBe(id);
    expect(author).toBe("digits");
    const plan = JSON.parse(userDefined.get("coreml-export.plan") ?? "") as Plan;
    expect(plan.model).toMatchObject({ name: id, revision: commit, weightsSha256: hash });
    expect(hub.requests("hub", "pytorch_model")).toEqual([]);

    hub.log.length = 0;
    expect(await cli(...args, "--offline", inScratch("offline"))).toMatchObject({ status: 0, stderr: "" });
    expect(hub.log).toEqual([]);
    expect(bytesOf(inScratch("offline/Model.mlpackage"))).toEqual(bytesOf(inScratch("online/Model.mlpackage")));
  });

  test("takes a commit, and says what a model is called now", async () => {
    const repository = hub.state.repositories.get(id);
    if (!repository) throw new Error("no repository");
    hub.commit(repository, { "README.md": "nothing left" });
    const [first] = repository.commits.keys();
    hub.state.renames.set("old/name", id);
    const args = ["--revision", first as string, "--feature", "auto", "--no-validate"];
    const { status, stderr } = await cli("-m", "old/name", ...args, inScratch("renamed"));
    expect(stderr).toBe(`warning: old/name: the model is called ${id} now\n`);
    expect(status).toBe(0);
    expect((await cli("-m", id, "--feature", "auto", inScratch("main"))).stderr).toContain("no config.json");
  });

  test.each([
    ["an unsupported model type", { ...config, model_type: "mamba" }, [], "model_type 'mamba' is not supported", 2],
    ["a task the model has not", config, ["--feature", "fill-mask"], "vit has no fill-mask head", 2],
    [
      "weights of another shape",
      { ...config, hidden_size: 96 },
      ["--feature", "auto"],
      "is [1,17,48], the config implies [1,17,96]",
      2,
    ],
  ])("fetches no weights for %s", async (_, changed, args, message, expected) => {
    hub.repository(id, { ...files, "config.json": JSON.stringify(changed) });
    const { status, stderr } = await cli("-m", id, ...args, inScratch("refused"));
    expect(stderr).toContain(message);
    expect(status).toBe(expected);
    expect(weightRequests()).toEqual([`bytes=0-${(128 << 10) - 1}`]);
    expect(existsSync(inScratch("refused"))).toBe(false);
  });

  test("says before anything is fetched that the output is taken", async () => {
    const args = ["-m", id, "--feature", "auto", inScratch("taken")];
    expect((await cli(...args)).status).toBe(0);
    rmSync(inScratch("home"), { recursive: true });
    hub.log.length = 0;
    const { status, stderr } = await cli(...args);
    expect(stderr).toContain("already exists");
    expect(status).toBe(2);
    expect(weightRequests()).toHaveLength(1);
  });

  test.each([
    ["nobody/nothing", "the Hub has no such model, or it is private", "check the spelling"],
    ["no-such-folder", "the Hub has no such model, or it is private", "no folder of that name either"],
  ])("tells what %s is not", async (model, message, hint) => {
    const { status, stderr } = await cli("-m", model, inScratch("missing"));
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    expect(status).toBe(3);
    expect(existsSync(inScratch("missing"))).toBe(false);
  });

  test("fetches the repository's ONNX file when it is to be the reference, and no other", async () => {
    const model = onnxModel("bert_text-classification");
    const from = models.write(model);
    const names = readdirSync(from, { recursive: true, encoding: "utf8" }).filter((name) => /\.\w+$/.test(name));
    const stored = Object.fromEntries(names.map((name) => [name, readFileSync(join(from, name))]));
    hub.repository("org/onnx", { ...stored, "onnx/model_fp16.onnx": "large", "model.onnx": "large" });
    const args = ["-m", "org/onnx", "--task", model.task];
    const first = await cli(...args, "--no-validate", inScratch("without-onnx"));
    expect(first).toMatchObject({ status: 0, stderr: expect.not.stringContaining("error") });
    expect(hub.requests("hub", ".onnx")).toEqual([]);

    const { status, stdout } = await cli(...args, "--reference", "onnx", "--json", inScratch("onnx"));
    expect(JSON.parse(stdout).packages[0].validation.reference).toEqual({ kind: "onnx", name: "onnx/model.onnx" });
    expect(status).toBe(0);
    const fetched = hub
      .requests("hub", "/resolve/")
      .filter(({ url }) => url.includes("onnx/resolve") && url.includes(".onnx"));
    expect(new Set(fetched.map(({ url }) => url.slice(url.indexOf("resolve/") + 49)))).toEqual(
      new Set(["onnx/model.onnx"]),
    );
  });

  test("takes no address, and says what to pass", async () => {
    const { status, stderr } = await cli("-m", `https://huggingface.co/${id}/tree/main`, inScratch("address"));
    expect(stderr).toContain("is an address, expected the id of a model or a folder");
    expect(stderr).toContain(`hint: pass ${id}\n`);
    expect(status).toBe(2);
    expect(hub.log).toEqual([]);
  });

  test("leaves nothing at the output when it is interrupted while fetching, and goes on the next time", async () => {
    hub.inject({ kind: "stall", after: 200_000 }, ({ server, headers }) => server === "storage" && !headers.range);
    const args = ["-m", id, "--feature", "auto", inScratch("interrupted")];
    const child = startCli(args, { env: env() });
    while (weightRequests().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    const [status] = await once(child, "close");
    expect(status).toBe(130);
    expect(existsSync(inScratch("interrupted"))).toBe(false);
    expect((await cli(...args)).status).toBe(0);
  });
});

describe("inspect, of a model on the Hub,", () => {
  test("reads the config and the headers, no weights", async () => {
    const { status, stdout } = await cli("inspect", id, "--json");
    expect(status).toBe(0);
    const local = JSON.parse((await cli("inspect", folder, "--json")).stdout);
    const commit = hub.state.repositories.get(id)?.refs.get("main");
    expect(JSON.parse(stdout)).toEqual({ ...local, name: id, revision: commit });
    expect(weightRequests()).toEqual([`bytes=0-${(128 << 10) - 1}`]);
  });
});
