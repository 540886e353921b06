// The options of `weft serve`.
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { helpText, parseServeOptions } from "../../../src/cli/serve/options.js";
import { Log } from "../../../src/cli/serve/log.js";
import { repositoryFile } from "../../helpers/data-files.js";

const folder = resolve(repositoryFile("src/demo/models/tinystories-gpt2"));
const small = resolve(repositoryFile("test/fixtures/gguf/models/gpt2-Q4_K_M.gguf"));

describe("the options of weft serve", () => {
  it("serve the embedded model to this machine, unless told otherwise", () => {
    const command = parseServeOptions([], {});
    expect([...command.models.keys()]).toEqual(["tinystories-gpt2"]);
    expect(command).toMatchObject({
      host: "127.0.0.1",
      port: 8000,
      apiKeys: [],
      cors: [],
      limits: {},
      timeoutMs: undefined,
      drainMs: 30_000,
      queues: 1,
      cache: "f32",
      isJson: false,
    });
  });

  it("are all taken", () => {
    const { models, ...command } = parseServeOptions(
      `one=${folder} ${small} three=owner/name --host ::1 --port 0 --api-key a --api-key b --cors https://a.test --cors *
      --concurrent 8 --queue 0 --max-body 1000 --max-prompt-tokens 100 --timeout 1.5 --drain 0 --tool-format list
      --queues 2 --cache f16 --json`.split(/\s+/),
      { WEFT_API_KEY: "c" },
    );
    expect([...models].map(([name, { address }]) => [name, address])).toEqual([
      ["one", folder],
      ["gpt2-Q4_K_M", small],
      ["three", "owner/name"],
    ]);
    expect(command).toEqual({
      help: false,
      queues: 2,
      cache: "f16",
      host: "::1",
      port: 0,
      apiKeys: ["a", "b"],
      cors: ["https://a.test", "*"],
      limits: { concurrent: 8, queue: 0, bodyBytes: 1000, promptTokens: 100 },
      timeoutMs: 1500,
      toolFormat: "list",
      drainMs: 0,
      isJson: true,
    });
  });

  it("take a key from the environment, and a file of one model of the hub", () => {
    const command = parseServeOptions(["owner/name", "--file", "Q8_0"], { WEFT_API_KEY: "c" });
    expect(command.apiKeys).toEqual(["c"]);
    expect(command.models.get("owner/name")!.hub).toEqual({ file: "Q8_0" });
  });

  it("are all in the help", () => {
    for (const option of [
      "host",
      "port",
      "api-key",
      "cors",
      "concurrent",
      "queue",
      "max-body",
      "max-prompt-tokens",
    ])
      expect(helpText).toContain(`--${option} `);
    for (const option of ["timeout", "drain", "tool-format", "queues", "cache", "json", "file", "revision"])
      expect(helpText).toContain(`--${option} `);
  });

  it.each<[string, RegExp, Record<string, string>?]>([
    [`${folder} a=${small} a=${folder}`, /two are called "a"/],
    ["nowhere", /MODEL: there is no folder .*nowhere/],
    ["--port 70000", /--port: expected a whole number from 0 to 65535/],
    ["--timeout 0", /--timeout: expected a number above 0/],
    ["--tool-format hermes", /--tool-format: expected tags or object or list or code/],
    ["a/b c/d --file x", /--file: expected one model/],
    [`${folder} --file x`, /--file: expected a model of a hub/],
    ["", /WEFT_API_KEY: expected a key/, { WEFT_API_KEY: "" }],
    ["--api-key= ", /--api-key: expected a key/],
    ["--nothing", /Unknown option '--nothing'/],
  ])("are refused in a line: %s", (args, message, environment = {}) => {
    expect(() => parseServeOptions(args.split(" ").filter(Boolean), environment)).toThrow(message);
  });
});

describe("the log", () => {
  const record = {
    method: "POST",
    path: "/v1/completions",
    status: 200,
    model: "m",
    promptTokens: 3,
    completionTokens: 20,
    firstTextMs: 12.3456,
    totalMs: 1234.567,
  };

  it("has a line for people", () => {
    const lines: string[] = [];
    const log = new Log(false, (line) => lines.push(line));
    log.addRequest(record);
    log.addRequest({ method: "GET", path: "other", status: 404, totalMs: 1 });
    log.addRequest({ ...record, status: 503, error: new Error("lost\u001B[2J") });
    expect(lines).toEqual([
      "POST /v1/completions 200  m, 3 + 20 tokens, 1.23 s",
      "GET other 404  0.00 s",
      "POST /v1/completions 503  m, 3 + 20 tokens, 1.23 s: lost\uFFFD[2J",
    ]);
  });

  it("has JSON for programs", () => {
    const lines: string[] = [];
    const log = new Log(true, (line) => lines.push(line));
    log.addRequest({ ...record, error: new TypeError("lost") });
    expect(JSON.parse(lines[0]!)).toEqual({
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      event: "request",
      ...record,
      firstTextMs: 12.3,
      totalMs: 1234.6,
      error: "TypeError",
      problem: "lost",
    });
  });
});
