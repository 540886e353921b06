// The options of `weft batch`.
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { helpText, parseBatchOptions } from "../../../src/cli/batch/options.js";
import { repositoryFile } from "../../helpers/data-files.js";

const folder = resolve(repositoryFile("src/demo/models/tinystories-gpt2"));
const parse = (text: string): ReturnType<typeof parseBatchOptions> =>
  parseBatchOptions(text.split(/\s+/).filter(Boolean));
const files = "--input in.jsonl --output out.jsonl";

describe("the options of weft batch", () => {
  it("answer a file by the embedded model, unless told otherwise", () => {
    const task = parse(files);
    expect(task).toMatchObject({
      kind: "file",
      input: resolve("in.jsonl"),
      results: { output: resolve("out.jsonl") },
      attempts: 3,
      models: { queues: 1, cache: "f32", concurrency: 64, timeoutMs: undefined, toolFormat: undefined },
    });
    expect(task.kind === "file" && [...task.models.models.keys()]).toEqual(["tinystories-gpt2"]);
  });

  it("are all taken", () => {
    expect(
      parse(
        `one=${folder} two=owner/name ${files} --errors bad.jsonl --concurrency 8 --attempts 1 --timeout 1.5
        --tool-format list --queues 2 --cache f16`,
      ),
    ).toMatchObject({
      results: { output: resolve("out.jsonl"), errors: resolve("bad.jsonl") },
      attempts: 1,
      models: { queues: 2, cache: "f16", concurrency: 8, timeoutMs: 1500, toolFormat: "list" },
    });
    expect(parse("--help")).toEqual({ kind: "help" });
  });

  it("work on a queue, put a file on it or take it from there", () => {
    const queue = { url: "redis://u:p@127.0.0.1:7000/1", name: "weft" };
    expect(parse(`${folder} --redis ${queue.url} --concurrency 2`)).toMatchObject({
      kind: "work",
      queue,
      models: { concurrency: 2 },
      leaseMs: 30_000,
      drainMs: 30_000,
      listen: undefined,
      isJson: false,
    });
    expect(
      parse(`--redis ${queue.url} --queue q --lease 2.5 --drain 0 --port 0 --host ::1 --json`),
    ).toMatchObject({
      queue: { ...queue, name: "q" },
      leaseMs: 2500,
      drainMs: 0,
      listen: { host: "::1", port: 0 },
      isJson: true,
    });
    expect(parse(`--redis ${queue.url} ${files} --attempts 5`)).toEqual({
      kind: "send",
      queue,
      input: resolve("in.jsonl"),
      results: { output: resolve("out.jsonl") },
      attempts: 5,
    });
    const input = `--redis ${queue.url} --input in.jsonl`;
    expect(parse(input)).toMatchObject({ kind: "send", results: undefined });
    expect(parse(`${input} --cancel`)).toEqual({ kind: "cancel", queue, input: resolve("in.jsonl") });
  });

  it("are all in the help", () => {
    for (const option of ["file", "revision", "input", "output", "errors", "concurrency", "attempts"])
      expect(helpText).toContain(`--${option} `);
    for (const option of ["timeout", "tool-format", "queues", "cache", "help", "redis", "queue", "cancel"])
      expect(helpText).toContain(`--${option}`);
    for (const option of ["lease", "drain", "port", "host", "json"])
      expect(helpText).toContain(`--${option} `);
  });

  it.each<[string, RegExp]>([
    ["--output out.jsonl", /expected --input FILE, as in: /],
    ["--input in.jsonl", /expected --output FILE, as in: /],
    ["--input a.jsonl --output ./a.jsonl", /--output: expected another file than the input/],
    [`${files} --errors out.jsonl`, /--errors: expected another file than the input and the output/],
    [`${files} --concurrency 0`, /--concurrency: expected a whole number from 1 to 256, received "0"/],
    [`${files} --attempts 21`, /--attempts: expected a whole number from 1 to 20/],
    [`${files} --timeout 0`, /--timeout: expected a number above 0/],
    [`nowhere ${files}`, /MODEL: there is no folder .*nowhere/],
    [`a=${folder} a=${folder} ${files}`, /two are called "a"/],
    ["--redis http://127.0.0.1", /--redis: expected a URL such as redis:/],
    ["--redis redis://a --queue a:b", /--queue: expected a name without ":", received "a:b"/],
    ["--redis redis://a --lease 1", /--lease: expected a number from 2 to 3600/],
    ["--redis redis://a --output out.jsonl", /--output: it needs --input beside it/],
    ["--redis redis://a --host ::1", /--host: it needs --port beside it/],
    [`--redis redis://a ${files} --queues 2`, /--queues: it is for workers, which take no --input/],
    [`--redis redis://a ${files} ${folder}`, /MODEL: expected none beside --redis and --input/],
    [`--redis redis://a ${files} --cancel`, /--output: it is not for --cancel/],
    ["--redis redis://a --input in.jsonl --errors e", /--errors: it needs --output beside it/],
    [`${files} --lease 3`, /--lease: it needs --redis beside it/],
    [`${files} --nothing`, /Unknown option '--nothing'/],
  ])("are refused in a line: %s", (args, message) => {
    expect(() => parse(args)).toThrow(message);
  });
});
