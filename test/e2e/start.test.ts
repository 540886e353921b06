// `npm start` as a user meets it: exit code, output and files.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { measureTrace, validateTrace, type Trace } from "../../src/index.js";
import { root, runStart } from "./run-start.js";

/** What the tests read of the JSON. */
interface Everything {
  readonly info: { readonly adapter: { readonly vendor: string }; readonly queues: number };
  readonly sentences: readonly {
    readonly tokens: number;
    readonly perplexity: number;
    readonly next: object[];
  }[];
  readonly stats: { readonly tokens: number };
  readonly metrics: object;
  readonly problems: readonly string[];
  readonly trace: Trace;
  readonly timeline: string;
  readonly chromeTrace: string;
  readonly stories: {
    readonly texts: readonly { readonly prompt: string; readonly text: string; readonly tokens: number }[];
    readonly tokens: number;
    readonly atOnce: number;
    readonly steps: number;
  };
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-e2e-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function readEverything(file: string): Promise<Everything> {
  return JSON.parse(await readFile(file, "utf8")) as Everything;
}

describe("npm start", () => {
  it("scores the 64 prompts on two queues, prints a table and writes the picture", async () => {
    const json = join(folder, "all.json");
    const { code, output, errors } = await runStart(["--json", json]);
    expect(errors).toBe("");
    expect(code).toBe(0);
    for (const name of ["adapter", "runtime", "model", "slices", "queues", "speed", "dispatches", "makespan"])
      expect(output).toMatch(new RegExp(`^${name} +\\S`, "m"));
    expect(output).toMatch(/^efficiency +\d+\.\d %/m);
    expect(output).toMatch(/^bubbles +\d+\.\d %/m);
    expect(output).toMatch(/^overlap +\d+ ms/m);
    expect(output).toMatch(/^trace +valid: /m);
    const rows = output.split("\n").filter((line) => / "[^"]*" \d+ % /.test(line));
    expect(rows).toHaveLength(8);
    expect(output).toContain("8 of 64 sentences");

    const everything = await readEverything(json);
    const { sentences, trace, stats } = everything;
    expect(sentences).toHaveLength(64);
    for (const { tokens, perplexity, next } of sentences) {
      expect(tokens).toBeGreaterThan(1);
      expect(perplexity).toBeGreaterThan(1);
      // Text that the model was trained for: a broken pass gives hundreds.
      expect(perplexity).toBeLessThan(60);
      expect(next).toHaveLength(3);
    }
    expect(trace.queues).toBe(2);
    expect(trace.lengths).toEqual(sentences.map(({ tokens }) => tokens));
    expect(stats.tokens).toBe(trace.lengths.reduce((sum, length) => sum + length, 0));
    expect(everything.problems).toEqual([]);
    expect(validateTrace(trace)).toEqual([]);
    expect(everything.metrics).toEqual(measureTrace(trace));
    const chromeTrace = JSON.parse(await readFile(everything.chromeTrace, "utf8")) as {
      traceEvents: object[];
    };
    expect(chromeTrace.traceEvents.length).toBeGreaterThan(trace.submissions.length);

    const picture = await readFile(everything.timeline, "utf8");
    expect(everything.timeline).toBe(join(root, "out", "timeline.svg"));
    expect(output).toContain(join("out", "timeline.svg"));
    expect(picture).toMatch(/^<svg .*<\/svg>$/s);
    for (const words of ["queue 0", "queue 1", "64 sentences", "attention"]) expect(picture).toContain(words);

    // Then 16 stories, a line each, in the order in which they ended.
    const lines = output.split("\n").filter((line) => / ■ /.test(line));
    const numbers = lines.map((line) => Number(/^ ?(\d+) ■ \S/.exec(line)?.[1]));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(output.indexOf("16 stories, written at once:")).toBeGreaterThan(output.indexOf("\ntimeline "));
    expect(output).toMatch(/^speed +\d[\d,]* tokens per second together$/m);
    for (const name of ["first token", "at once", "steps"])
      expect(output).toMatch(new RegExp(`^${name} +\\d`, "m"));
    const { texts, tokens, atOnce, steps } = everything.stories;
    expect(texts).toHaveLength(16);
    expect(atOnce).toBe(16);
    // Many at once, not one after another: how many share a step depends on when their beginnings were computed.
    expect(steps).toBeLessThan(tokens / 2);
    for (const { prompt, text, tokens: own } of texts) {
      expect(own).toBeGreaterThan(0);
      expect(own).toBeLessThanOrEqual(48);
      const words = `${prompt}${text}`.replaceAll(/\s+/g, " ").trim().slice(-30);
      expect(lines.filter((line) => line.endsWith(words))).toHaveLength(1);
    }
  });

  it("takes sentences, a model folder and every choice of the schedule", async () => {
    const json = join(folder, "own.json");
    const texts = ["--text", "Once upon a time there was a cat", "--text", "The dog ran."];
    const model = ["--model", join(root, "src/demo/models/tinystories-gpt2")];
    const choices = ["--queues", "3", "--slice", "2", "--fence", "prefix", "--placement", "spread"];
    const { code, output, errors } = await runStart([...texts, ...model, ...choices, "--json", json]);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toContain("there was a cat");
    expect(output).toContain("The dog ran.");
    const { trace, sentences, problems } = await readEverything(json);
    expect(trace).toMatchObject({ queues: 3, sliceTokens: 2, fence: "prefix", placement: "spread" });
    expect(sentences).toHaveLength(2);
    expect(problems).toEqual([]);
  });

  it("lists its options", async () => {
    const { code, output } = await runStart(["--help"]);
    expect(code).toBe(0);
    for (const option of ["text", "model", "queues", "slice", "fence", "placement", "json"])
      expect(output).toContain(`--${option} `);
  });

  it.each([
    [["--nope"], "Unknown option '--nope'"],
    [["word"], "Unexpected argument 'word'"],
    [["--queues"], "argument missing"],
    [["--queues", "0"], '--queues: expected a whole number from 1 to 8, received "0"'],
    [["--queues", "1.5"], 'received "1.5"'],
    [["--slice", "-1"], "--slice"],
    [["--slice", "many"], '--slice: expected a whole number of at least 1, received "many"'],
    [["--fence", "picket"], '--fence: expected sentence or prefix, received "picket"'],
    [["--placement", ""], "--placement: expected affine or spread"],
    [["--text", " "], "--text: expected a sentence, received an empty one"],
    [["--model", "no-such-folder"], "--model: there is no folder"],
    [["--model", "test"], "has no config.json"],
  ])("refuses %j in one line", async (args, words) => {
    const { code, output, errors } = await runStart(args);
    expect(code).toBe(2);
    expect(output).toBe("");
    expect(errors).toContain(words);
    expect(errors.trim().split("\n")).toHaveLength(1);
  });

  it("says which files a model folder lacks", async () => {
    await writeFile(join(folder, "config.json"), "{}");
    expect((await runStart(["--model", folder])).errors).toContain("has no model.safetensors");
    await writeFile(join(folder, "model.safetensors"), "");
    const { code, errors } = await runStart(["--model", folder]);
    expect(errors).toContain("has no tokenizer.json");
    expect(code).toBe(2);
  });

  it("passes on what the model refuses", async () => {
    const { code, errors } = await runStart(["--text", "Once upon a time", "--slice", "300"]);
    expect(code).toBe(1);
    expect(errors).toBe(
      "weft: sliceTokens: expected a whole number from 1 to 256, received 300. " +
        'It is the number of tokens per slice, at most the model\'s context. "auto" leaves it to what was measured.\n',
    );
  });

  it("explains a missing adapter", async () => {
    const environment = { WEFT_BROWSER_FLAGS: "--disable-software-rasterizer --disable-gpu" };
    const { code, errors } = await runStart(["--text", "Once upon a time"], { environment });
    expect(code).toBe(1);
    expect(errors).toContain("gave no adapter");
    expect(errors).toMatch(/^ {2}flags .*--enable-unsafe-webgpu .*--disable-software-rasterizer/m);
    expect(errors).toMatch(/^ {2}adapters +high performance: none/m);
    expect(errors).toMatch(/^ {2}install /m);
  });

  it("removes the browser's profile when it is interrupted", async () => {
    const profiles = await mkdtemp(join(folder, "profiles-"));
    const { code, errors } = await runStart([], {
      environment: { TMPDIR: profiles },
      signal: { name: "SIGINT", afterOutput: "Scoring" },
    });
    expect(errors).toBe("");
    expect(code).toBe(130);
    expect((await readdir(profiles)).filter((name) => name.startsWith("weft-"))).toEqual([]);
  });
});
