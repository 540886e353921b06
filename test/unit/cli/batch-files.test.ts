// The files of a batch: lines of requests, lines of results, and what an interrupted run leaves of them.
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseRequest, readRequest, requestJson } from "../../../src/cli/batch/batch-request.js";
import { answered, readResult } from "../../../src/cli/batch/batch-result.js";
import { readFileLines, textOfLine } from "../../../src/cli/batch/file-lines.js";
import { BatchFileError, checkRequests, readRequests } from "../../../src/cli/batch/request-file.js";
import { readEarlierResults, ResultFiles } from "../../../src/cli/batch/result-files.js";

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "weft-batch-"))));
afterEach(() => rm(folder, { recursive: true }));

const line = (name: string, change: object = {}): string =>
  JSON.stringify({
    custom_id: name,
    method: "POST",
    url: "/v1/completions",
    body: { prompt: `The ${name}` },
    ...change,
  });
const none = new Map<string, string>();

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function write(name: string, ...lines: readonly string[]): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, lines.join("\n"));
  return file;
}

describe("a request", () => {
  it("has an id that follows from all of it, and comes back from JSON as it was", () => {
    const request = parseRequest(line("a"));
    expect(request).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      customId: "a",
      url: "/v1/completions",
      body: { prompt: "The a" },
    });
    expect(readRequest(JSON.parse(JSON.stringify(requestJson(request))))).toEqual(request);
    const ids = [
      line("a"),
      line("b"),
      line("a", { body: { prompt: "The b" } }),
      line("a", { url: "/v1/embeddings" }),
    ];
    expect(new Set(ids.map((text) => parseRequest(text).id)).size).toBe(4);
  });

  it.each<[string, object | string, RegExp]>([
    ["no JSON", "{", /expected a JSON object, received \{/],
    ["a list", "[1]", /expected a JSON object, received \[1\]/],
    ["no name", { custom_id: undefined }, /custom_id: expected a text, received nothing/],
    ["a number as its name", { custom_id: 7 }, /custom_id: expected a text, received 7/],
    ["another method", { method: "GET" }, /method: expected "POST", received "GET"/],
    [
      "another route",
      { url: "/v1/files" },
      /url: expected one of \/v1\/chat\/completions, .*, received "\/v1\/files"/,
    ],
    ["no body", { body: null }, /body: expected an object, received null/],
    ["a stream", { body: { stream: true } }, /body\.stream: expected false, .*, received true/],
    [
      "more than it may have",
      { priority: 1 },
      /expected custom_id, method, url, body, received "priority" too/,
    ],
  ])("is refused with %s", (_, change, message) => {
    expect(() => parseRequest(typeof change === "string" ? change : line("a", change))).toThrow(message);
  });

  it("is refused where its body can be read but not written", () => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    expect(() => parseRequest(line("a").replace('"The a"', deep))).toThrow(
      /body: expected fewer values within/,
    );
  });
});

describe("the lines of a file", () => {
  it("are found across the pieces in which it is read, with and without an end", async () => {
    const long = "x".repeat(300_000);
    const file = await write("lines", "\uFEFFä", long, "", "end");
    const lines = await all(readFileLines(file));
    expect(lines.map((own) => textOfLine(own))).toEqual(["ä", long, "", "end"]);
    expect(lines.map(({ number, isComplete }) => [number, isComplete])).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, false],
    ]);
    expect(lines.map(({ endByte }) => endByte)).toEqual([6, 300_007, 300_008, 300_011]);
  });
});

describe("a file of requests", () => {
  it("is read without the requests that have a result", async () => {
    const file = await write("in.jsonl", line("a"), "", `${line("b")}\r`, line("c"));
    const results = new Map([["b", `batch_req_${parseRequest(line("b")).id}`]]);
    expect(await checkRequests(file, results)).toEqual({ all: 3, left: 2 });
    const left = await all(readRequests(file, results));
    expect(left.map(({ customId }) => customId)).toEqual(["a", "c"]);
  });

  it("is refused with the lines of all that is wrong, up to a number", async () => {
    const file = await write("in.jsonl", line("a"), line("a"), "", line("b", { url: "/v2" }), "{");
    const error = await checkRequests(file, none).catch((own: unknown) => own);
    expect(error).toBeInstanceOf(BatchFileError);
    expect((error as BatchFileError).problems).toEqual([
      'line 2: custom_id: expected one of its own, received "a", which line 1 has',
      expect.stringMatching(/^line 4: url: expected one of .*, received "\/v2"$/) as string,
      "line 5: expected a JSON object, received {",
    ]);
    const many = await write("many.jsonl", ...Array.from({ length: 30 }, () => "{"));
    await expect(checkRequests(many, none)).rejects.toThrow(/line 20: .*\n {2}and 10 more like these$/);
  });

  it("is refused where it is empty, missing, not text, or not that of the results", async () => {
    await expect(checkRequests(await write("empty.jsonl", "", " "), none)).rejects.toThrow(/an empty file/);
    await expect(checkRequests(join(folder, "gone.jsonl"), none)).rejects.toThrow(
      /--input: there is no file/,
    );
    await expect(checkRequests(folder, none)).rejects.toThrow(
      /--input: expected a file, received the folder/,
    );
    const bytes = join(folder, "bytes.jsonl");
    await writeFile(bytes, Buffer.from([0xff, 0xfe, 0x0a]));
    await expect(checkRequests(bytes, none)).rejects.toThrow(/line 1: expected UTF-8/);
    const file = await write("in.jsonl", line("a"));
    await expect(checkRequests(file, new Map([["a", "batch_req_0"]]))).rejects.toThrow(
      /line 1: expected the request that the output has a result of/,
    );
    await expect(checkRequests(file, new Map([["z", "batch_req_0"]]))).rejects.toThrow(
      /the output has a result of "z", which is no request of it/,
    );
  });
});

describe("the files of results", () => {
  const ok = answered(parseRequest(line("a")), 200, { text: "ä" });
  const bad = answered(parseRequest(line("b")), 400, { error: { message: "no" } });

  it("are written line by line, go on behind whole lines, and keep apart what failed", async () => {
    const paths = { output: join(folder, "deep", "out.jsonl"), errors: join(folder, "errors.jsonl") };
    const empty = await readEarlierResults(paths);
    expect([empty.ids.size, empty.failed]).toEqual([0, 0]);
    const results = await ResultFiles.open(paths, empty);
    await Promise.all([results.add(ok), results.add(bad)]);
    await results.close();
    // A run that was killed while it wrote, in the middle of a letter.
    await appendFile(paths.output, Buffer.from(JSON.stringify(ok)).subarray(0, -5));
    const earlier = await readEarlierResults(paths);
    expect([...earlier.ids]).toEqual([
      ["a", ok.id],
      ["b", bad.id],
    ]);
    expect(earlier.failed).toBe(1);
    const again = await ResultFiles.open(paths, earlier);
    const third = answered(parseRequest(line("c")), 200, {});
    await again.add(third);
    await again.close();
    const lines = (await readFile(paths.output, "utf8")).trimEnd().split("\n");
    expect(lines.map((text) => readResult(text))).toEqual([ok, third]);
    expect(readResult((await readFile(paths.errors, "utf8")).trimEnd())).toEqual(bad);
  });

  it("are one file where no other is named", async () => {
    const paths = { output: join(folder, "out.jsonl") };
    const results = await ResultFiles.open(paths, await readEarlierResults(paths));
    await results.add(bad);
    await results.add(ok);
    await results.close();
    const { ids, failed } = await readEarlierResults(paths);
    expect([[...ids.keys()], failed]).toEqual([["b", "a"], 1]);
  });

  it("have the shape of OpenAI's", () => {
    const { id } = parseRequest(line("a"));
    expect(ok).toEqual({
      id: `batch_req_${id}`,
      custom_id: "a",
      response: { status_code: 200, request_id: `req_${id}`, body: { text: "ä" } },
      error: null,
    });
  });

  it("are refused where they are other files, which are left as they are", async () => {
    const output = await write("out.jsonl", line("a"), "");
    await expect(readEarlierResults({ output })).rejects.toThrow(
      /out\.jsonl, line 1: expected a result of an earlier run, received \{"custom_id"/,
    );
    expect(await readFile(output, "utf8")).toBe(`${line("a")}\n`);
    const paths = { output: join(output, "below") };
    await expect(ResultFiles.open(paths, { ids: none, failed: 0, wholeBytes: new Map() })).rejects.toThrow(
      /--output: expected a file to write to/,
    );
  });
});
