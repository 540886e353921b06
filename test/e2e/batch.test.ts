// `weft batch` as a user meets it: files, exit codes, and what is left when it is killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHandler } from "../../src/openai/index.js";
import { Model } from "../../src/index.js";
import { post } from "../helpers/api-calls.js";
import {
  comparable,
  countLines,
  readJsonLines,
  storyRequests,
  writeJsonLines,
} from "../helpers/batch-files.js";
import { expectBuilt, root, runCommand, type Ended } from "./run-start.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-batch-"));
});
afterAll(() => rm(folder, { recursive: true }));

const requests = storyRequests(12, 40);

async function write(name: string, values: readonly object[]): Promise<string> {
  const file = join(folder, name);
  await writeJsonLines(file, values);
  return file;
}

const batch = (...args: readonly string[]): Promise<Ended> => runCommand("batch", args);

/** Starts the command, and sends a signal when the output has so many lines. */
async function interrupt(
  signal: NodeJS.Signals,
  lines: number,
  args: readonly string[],
): Promise<number | null> {
  expectBuilt("dist/cli/batch.js", "dist/openai.js");
  const child = spawn(process.execPath, ["dist/cli/batch.js", ...args], {
    cwd: root,
    env: { ...process.env, INIT_CWD: root },
    stdio: "ignore",
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  const output = args[args.indexOf("--output") + 1]!;
  while ((await countLines(output)) < lines && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill(signal);
  return ended;
}

describe("weft batch", () => {
  it("answers a file as single requests are answered, and goes on after it was killed", async () => {
    const input = await write("in.jsonl", requests);
    const whole = join(folder, "whole.jsonl");
    const first = await batch("--input", input, "--output", whole);
    expect([first.code, first.output]).toEqual([
      0,
      expect.stringMatching(/^answered +12 of 12: .*whole\.jsonl$/m),
    ]);
    const expected = comparable(await readJsonLines(whole));
    expect(expected.map(({ custom_id }) => custom_id as string)).toEqual(
      requests.map(({ custom_id }) => custom_id).toSorted((a, b) => a.localeCompare(b)),
    );

    await using model = await Model.load(`${root}src/demo/models/tinystories-gpt2`, { queues: 1 });
    const handler = createHandler({ "tinystories-gpt2": model });
    for (const { custom_id, url, body } of requests.slice(0, 3)) {
      const { id: _, created: __, ...alone } = await (await handler(post(url, body))).json();
      const result = expected.find((own) => own.custom_id === custom_id);
      expect(result).toMatchObject({ error: null, response: { status_code: 200, body: alone } });
    }

    const output = join(folder, "killed.jsonl");
    const args = ["--input", input, "--output", output, "--concurrency", "2"];
    expect(await interrupt("SIGKILL", 3, args)).toBeNull();
    const before = await readFile(output, "utf8");
    const kept = before.split("\n").length - 1;
    expect(kept).toBeGreaterThanOrEqual(3);
    expect(kept).toBeLessThan(12);
    // A kill may also come while a line is written.
    if (before.endsWith("\n")) await appendFile(output, '{"id":"batch_req_');
    expect(await interrupt("SIGTERM", kept + 3, args)).toBe(143);
    const resumed = await batch(...args);
    expect(resumed.output).toMatch(/^resumed +\d+ of 12 were answered before$/m);
    expect(resumed.code).toBe(0);
    const lines = await readJsonLines(output);
    expect((await readFile(output, "utf8")).startsWith(before.slice(0, before.lastIndexOf("\n") + 1))).toBe(
      true,
    );
    expect(comparable(lines)).toEqual(expected);
    const again = await batch(...args);
    expect([again.code, again.errors]).toEqual([0, ""]);
    expect(await readJsonLines(output)).toEqual(lines);
  });

  it("puts what fails where it is told to, and says so by its exit status", async () => {
    const input = await write("mixed.jsonl", [
      requests[0]!,
      { custom_id: "vectors", method: "POST", url: "/v1/embeddings", body: { input: "Hi" } },
      { custom_id: "chat", method: "POST", url: "/v1/chat/completions", body: { messages: [] } },
      { custom_id: "model", method: "POST", url: "/v1/completions", body: { model: "gpt", prompt: "Hi" } },
    ]);
    const [output, errors] = [join(folder, "good.jsonl"), join(folder, "bad.jsonl")];
    const apart = await batch("--input", input, "--output", output, "--errors", errors);
    expect([apart.code, apart.output]).toEqual([3, expect.stringMatching(/^failed +3: .*bad\.jsonl$/m)]);
    expect((await readJsonLines(output)).map(({ custom_id }) => custom_id as string)).toEqual(["story 0"]);
    const failed = await readJsonLines(errors);
    expect(
      Object.fromEntries(failed.map(({ custom_id, response }) => [custom_id, response.status_code])),
    ).toEqual({ vectors: 400, chat: 400, model: 404 });
    for (const { error, response } of failed) {
      expect(error).toBeNull();
      expect(response.body.error.message).toEqual(expect.any(String));
    }
  });

  it("runs nothing of a file with a line that it can't run", async () => {
    const streamed = { ...requests[1]!, body: { ...requests[1]!.body, stream: true } };
    const input = await write("wrong.jsonl", [requests[0]!, streamed, requests[0]!]);
    const output = join(folder, "none.jsonl");
    const { code, errors } = await batch("--input", input, "--output", output);
    expect([code, errors]).toEqual([
      2,
      expect.stringMatching(
        /--input: .*wrong\.jsonl can't be run\n {2}line 2: body\.stream: expected false.*\n {2}line 3: custom_id: .* which line 1 has/,
      ),
    ]);
    expect(existsSync(output)).toBe(false);
  });
});
