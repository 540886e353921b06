// `npm run generate` as a user meets it: exit code, output and files.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root, runGenerate } from "./run-start.js";

/** What the tests read of the JSON. */
interface Everything {
  readonly texts: readonly {
    readonly text: string;
    readonly seed: number;
    readonly tokens: number;
    readonly finishReason: string;
  }[];
  readonly request: { readonly options: { readonly seed: number } };
  readonly info: { readonly queues: number };
  readonly atOnce: number;
}

let folder: string;

/** What went wrong, of all that goes to standard error where the output is no terminal. */
const complaintsOf = (errors: string): string[] =>
  errors.split("\n").filter((line) => /^weft: |Error|^ +at /.test(line));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-e2e-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("npm run generate", () => {
  it("writes the same text for the same seed, alone and beside others", async () => {
    const json = join(folder, "one.json");
    const own = await runGenerate(["Once upon a time", "--max-tokens", "24", "--seed", "7", "--json", json]);
    expect(complaintsOf(own.errors)).toEqual([]);
    expect(own.code).toBe(0);
    const { texts, request } = JSON.parse(await readFile(json, "utf8")) as Everything;
    expect(texts).toHaveLength(1);
    expect(texts[0]!.tokens).toBe(24);
    expect(request.options.seed).toBe(7);
    // Beginning and continuation together, as one text, and nothing else.
    expect(own.output).toBe(`Once upon a time${texts[0]!.text}\n`);
    for (const name of ["adapter", "runtime", "model", "prompt", "seed", "ended by", "speed", "steps"])
      expect(own.errors).toMatch(new RegExp(`^${name} +\\S`, "m"));

    const all = join(folder, "all.json");
    const model = ["--model", join(root, "src/demo/models/tinystories-gpt2"), "--queues", "2"];
    const several = ["--max-tokens", "24", "--seed", "5", "--count", "4", "--json", all];
    const { code, output, errors } = await runGenerate(["Once upon a time", ...model, ...several]);
    expect(code).toBe(0);
    const everything = JSON.parse(await readFile(all, "utf8")) as Everything;
    expect(everything.info.queues).toBe(2);
    // Two on each queue; a queue whose kernels are compiled late may begin after the other has ended.
    expect([2, 3, 4]).toContain(everything.atOnce);
    expect(everything.texts.map(({ seed }) => seed)).toEqual([5, 6, 7, 8]);
    expect(everything.texts[2]!.text).toBe(texts[0]!.text);
    expect(errors.match(/^\d ■ /gm)).toHaveLength(4);
    expect(output).toBe(
      everything.texts
        .map(({ text }, index) => `--- ${index + 1} of 4 texts\nOnce upon a time${text}\n`)
        .join(""),
    );
    expect(errors).toMatch(/^seed +5 to 8$/m);
  });

  it("takes every option of sampling, and stops at a text", async () => {
    const json = join(folder, "options.json");
    const sampling = ["--temperature", "1.2", "--top-k", "30", "--top-p", ".9", "--min-p", "0.01"];
    const others = ["--repetition-penalty", "1.1", "--stop", ".", "--stop", "!", "--max-tokens", "120"];
    const { code, errors } = await runGenerate(["The dog", ...sampling, ...others, "--json", json]);
    expect(complaintsOf(errors)).toEqual([]);
    expect(code).toBe(0);
    const { texts, request } = JSON.parse(await readFile(json, "utf8")) as Everything;
    expect(request.options).toMatchObject({
      temperature: 1.2,
      topK: 30,
      topP: 0.9,
      minP: 0.01,
      repetitionPenalty: 1.1,
      stop: [".", "!"],
      maxTokens: 120,
    });
    expect(texts[0]!.finishReason).toBe("stop");
    expect(texts[0]!.text).not.toMatch(/[.!]/);
  });

  it("prints what there is when it is interrupted, and leaves no profile", async () => {
    const profiles = await mkdtemp(join(folder, "profiles-"));
    const json = join(folder, "interrupted.json");
    const args = ["Once upon a time there was", "--temperature", "1.5", "--repetition-penalty", "1.3"];
    const { code, output, errors } = await runGenerate([...args, "--count", "40", "--json", json], {
      environment: { TMPDIR: profiles },
      // As soon as the first has ended, of many that would go on.
      signal: { name: "SIGINT", afterOutput: " ■ " },
    });
    expect(complaintsOf(errors)).toEqual([]);
    expect(code).toBe(130);
    const { texts } = JSON.parse(await readFile(json, "utf8")) as Everything;
    expect(texts.filter(({ finishReason }) => finishReason === "abort").length).toBeGreaterThan(0);
    for (const { text } of texts) expect(output).toContain(text);
    expect(errors).toMatch(/^ended by +.*abort/m);
    expect((await readdir(profiles)).filter((name) => name.startsWith("weft-"))).toEqual([]);
  });

  it("ends quietly when nobody reads on, and leaves no profile", async () => {
    const profiles = await mkdtemp(join(folder, "profiles-"));
    const command = `"${process.execPath}" dist/cli/generate.js "Once upon a time" --temperature 1.5 | head -c 1`;
    const child = spawn("sh", ["-c", command], {
      cwd: root,
      env: { ...process.env, TMPDIR: profiles },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    await once(child, "close");
    expect(complaintsOf(errors)).toEqual([]);
    // It was ended, and did not write on for nobody.
    expect(errors).toMatch(/^ended by +abort/m);
    expect((await readdir(profiles)).filter((name) => name.startsWith("weft-"))).toEqual([]);
  });

  it.each(["weft.js --help", "bench.js --help", "generate.js --help"])(
    "ends quietly when nobody reads from the start: %s",
    async (command) => {
      // The reader is gone before there is anything to read, also of standard error.
      const child = spawn(
        "sh",
        [
          "-c",
          `{ sleep 0.2; "${process.execPath}" dist/cli/${command} 2>"$0"; echo $? >>"$0"; } | true`,
          join(folder, "status"),
        ],
        {
          cwd: root,
          stdio: "ignore",
        },
      );
      await once(child, "close");
      expect(await readFile(join(folder, "status"), "utf8")).toBe("0\n");
    },
  );

  it("continues what is piped in", async () => {
    const options = ["--max-tokens", "6", "--temperature", "0", "--runtime", "node"];
    const given = await runGenerate(["Once upon a time", ...options]);
    for (const args of [["-"], []]) {
      const piped = await runGenerate([...args, ...options], { input: "Once upon a time\n" });
      expect(complaintsOf(piped.errors)).toEqual([]);
      expect(piped.output).toBe(given.output);
    }
    const none = await runGenerate(["-"], { input: "\n" });
    expect([none.code, none.output]).toEqual([2, ""]);
    expect(none.errors).toMatch(/^weft: expected a text to continue, as in/);
  });

  it("ends quietly when it is interrupted before there is anything", async () => {
    const { code, errors } = await runGenerate(["Once upon a time"], {
      signal: { name: "SIGINT", afterOutput: "Loading" },
    });
    expect(complaintsOf(errors)).toEqual([]);
    expect(code).toBe(130);
  });

  it("passes on what the model refuses", async () => {
    const { code, errors } = await runGenerate(["word ".repeat(300)]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^weft: prompt: expected 1 to 255 tokens, .*Shorten the prompt\.\n$/m);
  });

  it("lists its options", async () => {
    const { code, output } = await runGenerate(["--help"]);
    expect(code).toBe(0);
    const options = ["model", "max-tokens", "temperature", "top-k", "top-p", "min-p", "repetition-penalty"];
    for (const option of [...options, "seed", "stop", "count", "queues", "cache", "json"])
      expect(output).toContain(`--${option} `);
  });

  it("refuses what it cannot use in one line", async () => {
    const { code, output, errors } = await runGenerate(["a", "--top-p", "0"]);
    expect(code).toBe(2);
    expect(output).toBe("");
    expect(errors).toBe(
      'weft: --top-p: expected a number above 0, at most 1, received "0" (npm run generate -- --help lists the options)\n',
    );
  });
});
