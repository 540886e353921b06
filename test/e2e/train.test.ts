// `npm run train` as a user meets it: exit code, output and files, and what resuming gives.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand, type Ended, type RunStartOptions } from "./run-start.js";

let folder: string;
let data: string;

const texts = [
  "The cat sat on the mat and was happy.",
  { text: "One day a dog ran to the park with a ball." },
  { story: "Lily had a red hat.\n\nShe liked it a lot." },
  { prompt: "Tom went home to his mom." },
  "The bird sang a song in the tree.",
  "They all lived in a small house near the sea.",
];
const shape = ["--fresh", "--layers", "1", "--channels", "16", "--heads", "2", "--context", "16"];
const options = [
  "--steps",
  "30",
  "--batch-tokens",
  "40",
  "--hold-out",
  "1",
  "--every",
  "10",
  "--rate",
  "0.01",
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-train-"));
  data = join(folder, "data.json");
  await writeFile(data, JSON.stringify(texts));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const train = (out: string, args: readonly string[], run?: RunStartOptions): Promise<Ended> =>
  runCommand("train", ["--data", data, "--out", join(folder, out), ...args], run);
const read = (...path: string[]): Promise<Buffer> => readFile(join(folder, ...path));

interface Log {
  readonly adapter: { readonly vendor: string };
  readonly steps: readonly {
    readonly step: number;
    readonly loss: number;
    readonly validationLoss?: number;
  }[];
}
const readLog = async (...path: string[]): Promise<Log> =>
  JSON.parse((await read(...path)).toString()) as Log;

describe("npm run train", () => {
  it("trains a new model, writes it, and goes on after an interruption with the same weights", async () => {
    const whole = await train("whole", [...shape, ...options, "--json", join(folder, "all.json")]);
    expect(whole.errors).toBe("");
    expect(whole.code).toBe(0);
    expect(whole.output).toMatch(/^step 1\/30 · loss \d\.\d{4} · \S+ tokens\/s · \d+:\d\d left$/m);
    expect(whole.output).toMatch(/^step 30\/30 · loss \d\.\d{4} · validation \d\.\d{4} · \S+ tokens\/s$/m);
    expect((await readdir(join(folder, "whole"))).toSorted()).toEqual([
      "checkpoint.safetensors",
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
      "train_log.json",
    ]);
    const log = await readLog("whole", "train_log.json");
    expect(log.steps.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(log.steps[29]!.loss).toBeLessThan(log.steps[0]!.loss);
    expect(log.steps.filter(({ validationLoss }) => validationLoss).map(({ step }) => step)).toEqual([
      10, 20, 30,
    ]);
    expect(await readLog("all.json")).toEqual(log);

    const part = await train("part", [...shape, ...options], {
      signal: { name: "SIGINT", afterOutput: "step 1/30" },
    });
    expect(part.errors).toBe("");
    expect(part.code).toBe(130);
    expect(part.output).toMatch(/^go on with +the same options and --resume /m);
    const done = (await readLog("part", "train_log.json")).steps.length;
    expect(done).toBeLessThan(30);

    // The shape is that of the model beside the checkpoint; on Dawn in Node, the adapter is another program's.
    const checkpoint = ["--resume", join(folder, "part", "checkpoint.safetensors")];
    const rest = await train("part", [...options, ...checkpoint]);
    expect(rest.errors).toBe("");
    expect(rest.code).toBe(0);
    expect(await read("part", "model.safetensors")).toEqual(await read("whole", "model.safetensors"));
    expect((await readLog("part", "train_log.json")).steps.map(({ loss }) => loss)).toEqual(
      log.steps.map(({ loss }) => loss),
    );
    // The tokenizer comes along: what was trained is a model like any other.
    const json = join(folder, "sample.json");
    const model = ["--model", join(folder, "whole"), "--max-tokens", "4", "--json", json];
    expect(await runCommand("generate", ["The cat", ...model])).toMatchObject({ code: 0 });
  });

  it("trains in Node, from the embedded model, with other options", async () => {
    const validation = join(folder, "validation.txt");
    await writeFile(validation, "The dog was sad.\n\nThe sun was hot.\n");
    const sgd = ["--optimizer", "sgd", "--weight-decay", "0.1", "--clip", "2", "--accumulate", "2"];
    const others = ["--shares", "3", "--queues", "2", "--slice", "8", "--decay", "linear", "--warmup", "0"];
    const args = ["--runtime", "node", "--steps", "2", "--batch-tokens", "20", "--validation", validation];
    const { code, output, errors } = await train("node", [...args, ...sgd, ...others]);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toMatch(/^data +6 texts, 2 more held out$/m);
    expect(output).toMatch(/^runtime +Dawn in Node v\d/m);
    expect((await readLog("node", "train_log.json")).steps).toHaveLength(2);
  });

  it("goes on after it was killed, with the tokenizer beside the checkpoint", async () => {
    const args = [...options, "--every", "1", "--steps", "8", "--runtime", "node"];
    const whole = await train("undisturbed", [...shape, ...args]);
    expect(whole).toMatchObject({ code: 0, errors: "" });
    const killed = await train("killed", [...shape, ...args], {
      signal: { name: "SIGKILL", afterOutput: "step 4/8" },
    });
    expect(killed.code).toBe(null);
    const rest = ["--resume", join(folder, "killed", "checkpoint.safetensors")];
    expect(await train("killed", [...args, ...rest])).toMatchObject({ code: 0, errors: "" });
    expect(await read("killed", "model.safetensors")).toEqual(await read("undisturbed", "model.safetensors"));
    expect((await readLog("killed", "train_log.json")).steps.map(({ step }) => step)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("keeps a checkpoint when it gets %s", async (name, code) => {
    const ended = await train(name, [...shape, ...options], { signal: { name, afterOutput: "step 1/30" } });
    expect(ended).toMatchObject({ code, errors: "" });
    expect((await read(name, "checkpoint.safetensors")).length).toBeGreaterThan(0);
  });

  it("says in one line what cannot be done", async () => {
    const unfit = ["--steps", "2", "--resume", join(folder, "whole", "checkpoint.safetensors")];
    const sgd = await train("unfit", [...unfit, "--optimizer", "sgd"]);
    expect(sgd.code).toBe(1);
    expect(sgd.errors).toMatch(/^weft: checkpoint: optimizer: expected .* received .*\n$/);
    for (const [args, words] of [
      [["--steps", "no"], '--steps: expected a whole number of at least 1, received "no"'],
      [["--resume", join(folder, "none")], "--resume: there is no file"],
      [["--hold-out", "6"], "--hold-out: expected fewer than the 6 texts"],
      [["--out", data], `--out: expected a folder to write to, received ${data}`],
      [["--out", join(data, "below")], "--out: expected a folder to write to"],
    ] as const) {
      const { code, output, errors } = await train("none", args);
      expect({ code, output }).toEqual({ code: 2, output: "" });
      expect(errors).toContain(words);
      expect(errors.trim().split("\n")).toHaveLength(1);
    }
  });

  it("lists its options", async () => {
    const { code, output } = await runCommand("train", ["--help"]);
    expect(code).toBe(0);
    for (const option of ["data", "out", "model", "fresh", "steps", "resume", "hold-out", "every", "json"])
      expect(output).toContain(`--${option}`);
  });
});
