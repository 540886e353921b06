// The commands with models of a hub: they download what they need from a hub on loopback, say so, and keep it in Node.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HubServer } from "../helpers/hub-server.js";
import { root, runCommand, type Ended } from "./run-start.js";

const hub = new HubServer();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-hub-"));
  await hub.start();
  hub.token = "secret";
  const file = join(root, "test/fixtures/gguf/models/gpt2-Q4_K_M.gguf");
  for (const name of ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"])
    hub.files.set(name, new Uint8Array(await readFile(file)));
});
afterAll(async () => {
  await hub.stop();
  await rm(folder, { recursive: true });
});

const run = (
  name: Parameters<typeof runCommand>[0],
  args: readonly string[],
  token = "secret",
): Promise<Ended> =>
  runCommand(name, args, {
    environment: {
      HF_ENDPOINT: hub.url,
      HF_TOKEN: token,
      HF_HUB_CACHE: join(folder, "none"),
      WEFT_CACHE: join(folder, "cache"),
    },
  });

/** What was printed of a text, with its beginning. */
const textOf = ({ output }: Ended): string => /^(Once upon a time[^]*)\n$/.exec(output)![1]!;

const weightRequests = (): string[] =>
  hub.requests.map(({ path }) => path.split("/").at(-1)!).filter((name) => name.endsWith(".gguf"));

describe("commands with a model of a hub", () => {
  it("inspect reads no more than the beginning of a file, unless it loads it", async () => {
    const { code, output, errors } = await run("inspect", ["own/model", "--no-load"]);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toMatch(/^hub +own\/model$/m);
    expect(output).toMatch(/^model +gpt2, \d+ layers/m);
    expect(output).toMatch(/^tokenizer +there is one$/m);
    expect(weightRequests()).toEqual(["tiny-Q4_K_M.gguf"]);
  });

  it("generate downloads it once, with its progress, in Node", async () => {
    const json = join(folder, "one.json");
    const args = ["Once upon a time", "--model", "own/model", "--max-tokens", "8", "--temperature", "0"];
    const first = await run("generate", [...args, "--json", json]);
    expect(first.code).toBe(0);
    expect(first.errors).toMatch(/^Downloading tiny-Q4_K_M\.gguf, \d+\.\d MB …$/m);
    expect(first.errors).toMatch(/^runtime +Dawn in Node/m);
    expect(first.errors).toMatch(/^model +own\/model\b/m);
    expect(await readFile(json, "utf8")).not.toContain("secret");
    const requests = hub.requests.length;
    const again = await run("generate", args);
    expect(hub.requests).toHaveLength(requests);
    expect(again.errors).not.toContain("Downloading");
    expect(again.errors).toMatch(/^Loading own\/model …$/m);
    expect(textOf(again)).toBe(textOf(first));
    expect(textOf(first).length).toBeGreaterThan("Once upon a time".length);
    // Another file of it, and in a page, which asks for it with the caller's address and token.
    const inPage = await run("generate", [...args, "--file", "Q8_0", "--runtime", "chromium"]);
    expect(inPage.code).toBe(0);
    expect(inPage.errors).toMatch(/^Downloading tiny-Q8_0\.gguf/m);
    expect(textOf(inPage)).toBe(textOf(first));
    expect(weightRequests().at(-1)).toBe("tiny-Q8_0.gguf");
  });

  it("score takes it, with a file of texts", async () => {
    const texts = join(folder, "texts.txt");
    await writeFile(texts, "The cat sat.\n\nThe dog ran.\n");
    const { code, output, errors } = await run("score", ["--texts", texts, "--model", "own/model"]);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toMatch(/The cat sat\.\n.*The dog ran\.$/m);
  });

  it("train begins with its weights in float32, and writes its tokenizer beside the new ones", async () => {
    const data = join(folder, "data.txt");
    await writeFile(data, "The cat sat.\n\nThe dog ran.\n");
    const out = join(folder, "out");
    const args = [
      "--data",
      data,
      "--out",
      out,
      "--model",
      "own/model",
      "--steps",
      "2",
      "--batch-tokens",
      "8",
    ];
    const { code, output, errors } = await run("train", args);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toMatch(/^model +own\/model\b/m);
    for (const name of ["tokenizer.json", "config.json", "train_log.json"])
      expect(JSON.parse(await readFile(join(out, name), "utf8"))).toBeTypeOf("object");
    // What was written is a model of its own.
    const own = await run("score", ["The cat sat.", "--model", out, "--runtime", "node"]);
    expect(own).toMatchObject({ code: 0, errors: "" });
  });

  it.each([
    [["--revision", "nope"], 1, /no such revision/],
    [
      ["--file", "Q2_K"],
      1,
      /^weft: file: expected one of tiny-Q4_K_M\.gguf, tiny-Q8_0\.gguf, received "Q2_K"/,
    ],
  ])("generate with %j ends with one line that says what is wrong", async (args, code, message) => {
    const ended = await run("generate", ["A", "--model", "own/model", ...args]);
    expect(ended.code).toBe(code);
    const [complaint, ...others] = ended.errors.split("\n").filter((line) => line.startsWith("weft: "));
    expect(complaint).toMatch(message);
    expect(others).toEqual([]);
  });

  it("says that a private one needs a token", async () => {
    const ended = await run(
      "inspect",
      ["own/model", "--no-load", "--revision", hub.commit.replace("0", "1")],
      "",
    );
    expect(ended.code).toBe(1);
    expect(ended.errors).toMatch(/it asks for a token/);
  });
});
