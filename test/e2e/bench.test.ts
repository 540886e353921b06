// `npm run bench` as a user meets it: exit code, output and records.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { GpuReport } from "../../src/jobs/gpu-check/report.js";
import { root, runCommand } from "./run-start.js";

/** What the tests read of a record. */
interface Measured {
  readonly metric: string;
  readonly value: number;
  readonly parameters: { readonly queues: number; readonly requests?: number };
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-bench-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

it.each(["chromium", "node"])("measures a forward pass in %s, after checking it", async (runtime) => {
  const json = join(folder, runtime, "records.json");
  const report = join(folder, runtime, "report.html");
  const args = ["--case", "forward", "--quick", "--runtime", runtime, "--json", json, "--report", report];
  const { code, output, errors } = await runCommand("bench", args);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^adapter +\S/m);
  expect(output).toMatch(/^checked +logits of 5 sentences on 1 queue differ from float64 by at most \d/m);
  expect(output).toMatch(/^ +1 .+\n +2 .+$/m);
  expect(output).toMatch(/^ +weft, padded +\d+ +\d/m);
  const records = JSON.parse(await readFile(json, "utf8")) as Record<string, unknown>[];
  const metrics = new Set(records.map(({ metric }) => metric));
  expect(metrics).toEqual(
    new Set([
      "coldElapsed",
      "contestantTokens",
      "dispatches",
      "dispatchesPerPass",
      "elapsed",
      "encodingShare",
      "paddingRatio",
      "speedup",
      "submissionsPerPass",
      "tokens",
      "usefulWork",
      "weftAhead",
    ]),
  );
  for (const record of records) {
    expect(record).toMatchObject({
      case: "forward",
      value: expect.any(Number) as number,
      unit: expect.any(String) as string,
      adapter: { vendor: expect.any(String) as string, isSoftware: expect.any(Boolean) as boolean },
      runtime: expect.stringMatching(runtime === "node" ? /^Dawn in Node v\d/ : /Chrom\w*\/\d/) as string,
      parameters: { queues: expect.any(Number) as number, quick: true },
    });
    expect(record["value"]).toBeGreaterThan(0);
  }
  const page = await readFile(report, "utf8");
  expect(page).toMatch(/<rect class="bar".*weft, padded/s);
  expect(page).toContain("attention over other sentences");
  const dispatches = records.filter(({ metric }) => metric === "dispatches").map(({ value }) => value);
  expect(dispatches.length).toBeGreaterThan(9);
  expect(new Set(dispatches).size).toBe(1);
});

it("measures curves, after checking that no choice changes a bit", async () => {
  const report = join(folder, "curves.html");
  const { code, output, errors } = await runCommand("bench", [
    "--case",
    "curves",
    "--quick",
    "--report",
    report,
  ]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +the logits of every sentence are the same bits at all 7 points$/m);
  expect(output).toMatch(/^ *queues +tokens\/s +p10–p90\n +1 +\d+.*\n +2 +\d+/m);
  expect((await readFile(report, "utf8")).match(/<polyline/g)).toHaveLength(3);
});

it("measures what is chosen, after checking that no choice changes a bit", async () => {
  const json = join(folder, "auto.json");
  const { code, output, errors } = await runCommand("bench", ["--case", "auto", "--quick", "--json", json]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +small: the logits have the same bits under all 5 settings$/m);
  for (const row of [/small +best fixed +[12] queue/, /auto +1 queue, k = \d+/, /auto, tuned +[12] queue/])
    expect(output).toMatch(row);
  const records = JSON.parse(await readFile(json, "utf8")) as Measured[];
  expect(records.filter(({ metric }) => metric === "ofBest").length).toBe(3);
});

it("measures training, after checking its loss", async () => {
  const json = join(folder, "train.json");
  const { code, output, errors } = await runCommand("bench", ["--case", "train", "--quick", "--json", json]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +the loss of the first step, \d\.\d+, differs from float64 by \d/m);
  expect(output).toMatch(/^ +the losses of 3 steps are the same bits on 1 and 2 queues$/m);
  const records = JSON.parse(await readFile(json, "utf8")) as Measured[];
  const metrics = [
    "backwardRatio",
    "elapsed",
    "kernelShare",
    "outside",
    "score",
    "share",
    "speedup",
    "stepRatio",
  ];
  expect([...new Set(records.map(({ metric }) => metric))].toSorted()).toEqual([...metrics, "tokens"]);
  for (const queues of [1, 2]) {
    const sharesOf = (name: string): Measured[] =>
      records.filter(({ metric, parameters }) => metric === name && parameters.queues === queues);
    expect(sharesOf("share")).toHaveLength(5);
    for (const { value } of sharesOf("share")) expect(value).toBeGreaterThan(0);
    // Too few rows for slabs of weights: every other kernel of the tasks.
    expect(sharesOf("kernelShare")).toHaveLength(15);
    // Medians of a few steps, which need not add up exactly.
    for (const name of ["share", "kernelShare"])
      expect(Math.abs(sharesOf(name).reduce((sum, { value }) => sum + value, 0) - 1)).toBeLessThan(0.2);
  }
});

it("measures generation, after checking its tokens and dispatches", async () => {
  const json = join(folder, "generate.json");
  const { code, output, errors } = await runCommand("bench", [
    "--case",
    "generate",
    "--quick",
    "--json",
    json,
  ]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +3 greedy texts of 4 tokens are those of stepwise forward passes$/m);
  expect(output).toMatch(
    /^ +a step that chooses tokens has \d+ dispatches for 1, 4, 16, 64 requests alike$/m,
  );
  const records = JSON.parse(await readFile(json, "utf8")) as Measured[];
  const requests = records
    .filter(({ metric }) => metric === "tokens")
    .map(({ parameters }) => parameters.requests);
  expect(requests).toEqual([1, 4, 16, 64]);
  for (const metric of [
    "firstTokenBehind",
    "firstTokenRatio",
    "stallFactor",
    "sharedRows",
    "poissonInterval",
  ])
    for (const { value } of records.filter((record) => record.metric === metric))
      expect(value, metric).toBeGreaterThan(0);
  expect(records.filter(({ metric }) => metric === "poissonFirstToken")).toHaveLength(3);
});

it("measures formats of weights, after checking their bits", async () => {
  const json = join(folder, "formats.json");
  const report = join(folder, "formats.html");
  const args = ["--case", "formats", "--quick", "--json", json, "--report", report];
  const { code, output, errors } = await runCommand("bench", args);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(
    /^checked +SmolLM2-135M: logits after 4 tokens in float32 differ from float64 by at most \d/m,
  );
  expect(output).toMatch(/^ +SmolLM2-135M: q4, Q4_1 give the bits of float32 with the same values/m);
  expect(output).toMatch(/^ +the same, 768 wide: Q4_K give the bits of float32/m);
  expect(output).toMatch(/^SmolLM2-135M: 2 of 2 layers, C = 64, .* V = 320, made-up weights$/m);
  expect(output).toMatch(/^ +Q4_1( +\d+\.\d+ +\d+\.\d\d){3}$/m);
  const records = JSON.parse(await readFile(json, "utf8")) as (Measured & {
    readonly parameters: { readonly format: string; readonly shape: { readonly name: string } };
  })[];
  for (const { metric, value } of records) expect(value, metric).toBeGreaterThan(0);
  // Five formats, each with three speeds and what they are of float32's, bytes twice, and three bandwidths.
  expect(records).toHaveLength(5 * (3 + 3 + 2 + 3));
  const bytesOf = (format: string): number =>
    records.find(({ metric, parameters }) => metric === "weightBytes" && parameters.format === format)!.value;
  // Blocks stay blocks: 5, 6 and a little less than 5 bits of 32, beside norms.
  expect(bytesOf("f32") / bytesOf("q4")).toBeGreaterThan(5.5);
  expect(bytesOf("f32") / bytesOf("Q4_1")).toBeGreaterThan(4.5);
  expect((await readFile(report, "utf8")).match(/<figure>/g)).toHaveLength(6);
});

it("measures decoding against the number of texts, after checking the tokens", async () => {
  const json = join(folder, "decode.json");
  const report = join(folder, "decode.html");
  const { code, output, errors } = await runCommand("bench", [
    "--case",
    "decode",
    "--quick",
    "--json",
    json,
    "--report",
    report,
  ]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +3 greedy texts of 2 tokens are those of stepwise forward passes$/m);
  expect(output).toMatch(/^ +4 +\d+\.\d +\d+ +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d$/m);
  const records = JSON.parse(await readFile(json, "utf8")) as (Measured & {
    readonly parameters: { readonly requests: number; readonly p10: number; readonly p90: number };
  })[];
  for (const { metric, value } of records) expect(value, metric).toBeGreaterThan(0);
  const find = (metric: string, requests: number) =>
    records.find((one) => one.metric === metric && one.parameters.requests === requests)!;
  for (const requests of [1, 4]) {
    const step = find("step", requests).value;
    const alone = find("linearsAlone", requests).parameters;
    expect(find("ofLinears", requests).value).toBeGreaterThanOrEqual(step / alone.p90);
    expect(find("ofLinears", requests).value).toBeLessThanOrEqual(step / alone.p10);
    expect(find("dispatchesPerStep", requests).value).toBe(find("dispatchesPerStep", 1).value);
  }
  expect((await readFile(report, "utf8")).match(/<figure>/g)).toHaveLength(1);
});

it("measures a server beside calls, after checking its answers", async () => {
  const json = join(folder, "serve.json");
  const { code, output, errors } = await runCommand("bench", [
    "--case",
    "serve",
    "--quick",
    "--runtime",
    "node",
    "--json",
    json,
  ]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +4 answers through HTTP are the texts of calls$/m);
  expect(output).toMatch(/^ +4 +\d+\.\d\d +\d+\.\d +\d+\.\d +\d+\.\d\d +\d+ \/ \d+ +-?\d+\.\d{3}$/m);
  const records = JSON.parse(await readFile(json, "utf8")) as Measured[];
  expect(records.filter(({ metric }) => metric === "ratio")).toHaveLength(2);
  const inPage = await runCommand("bench", ["--case", "serve", "--quick", "--runtime", "chromium"]);
  expect(inPage.code).not.toBe(0);
  expect(inPage.errors).toMatch(/listens at a port, which no page may: pass --runtime node/);
});

it("measures embedding, after checking vectors against float64", async () => {
  const json = join(folder, "embed.json");
  const { code, output, errors } = await runCommand("bench", ["--case", "embed", "--quick", "--json", json]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +weft: 2 vectors differ from float64 by at most \d/m);
  expect(output).toMatch(/^ +weft( +\d+\.\d +\d+ +128){2} +\d+ +\d+\.\d \/ \d+\.\d$/m);
  const records = JSON.parse(await readFile(json, "utf8")) as Measured[];
  for (const { metric, value } of records) expect(value, metric).toBeGreaterThan(0);
  expect(records.filter(({ metric }) => metric === "byBatch")).toHaveLength(2);
  expect(records.filter(({ metric }) => metric === "byLength")).toHaveLength(2);
});

it("tells which models and cases peers are for", async () => {
  const withoutFile = await runCommand("bench", ["--case", "decode", "--peers"]);
  expect(withoutFile.errors).toMatch(/--peers: expected --model with a \.gguf file/);
  const otherCase = await runCommand("bench", ["--case", "formats", "--model", "."]);
  expect(otherCase.code).toBe(2);
});

it("measures what the page's thread has to do, after checking that both threads give the same", async () => {
  const json = join(folder, "page-thread.json");
  const args = ["--case", "page-thread", "--quick", "--json", json];
  const { code, output, errors } = await runCommand("bench", args);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^checked +logits of 4 sentences are the same bits on the page and in a worker$/m);
  expect(output).toMatch(/^ +2 greedy texts of 8 tokens of both are the likeliest by forward passes$/m);
  expect(output).toMatch(/^ *streams, WorkerModel +\d+ \(\d+–\d+\)/m);
  const records = JSON.parse(await readFile(json, "utf8")) as Measured[];
  // Loading, forward with and without a budget, and streams; on both threads; four metrics of each.
  expect(records).toHaveLength(4 * 2 * 4);
  for (const { metric, value } of records)
    if (metric !== "longestWait") expect(value, metric).toBeGreaterThan(0);
  const inNode = await runCommand("bench", ["--case", "page-thread", "--runtime", "node"]);
  expect(inNode).toMatchObject({
    code: 2,
    errors: expect.stringMatching(/in --runtime chromium only/) as string,
  });
});

it.each(["chromium", "node"])("checks the adapter in %s, and reports it", async (runtime) => {
  const json = join(folder, runtime, "check.json");
  const args = ["--self-check", "--quick", "--runtime", runtime, "--json", json];
  const { code, output, errors } = await runCommand("bench", args);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toMatch(/^linear layers, few rows, q4 +\S+ +right +\d\.\de-\d+$/m);
  expect(output).toMatch(/^a whole model, weights in f16 +all +right +\d\.\de-\d+$/m);
  expect(output).toMatch(/^ *16 texts at once( +\d+\.\d +\d+\.\d +[\d.]+ %| +\d+\.\d +[\d.]+ %){2}$/m);
  const report = JSON.parse(await readFile(json, "utf8")) as GpuReport;
  expect(report).toMatchObject({
    format: "weft-gpu-check",
    formatVersion: 1,
    weft: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    runtime: expect.stringMatching(runtime === "node" ? /^Node v\d.* with Dawn$/ : /Chrom\w*\/\d/) as string,
    adapter: { isSoftware: true },
    verification: { isRight: true },
    problems: [],
  });
  const { kernels, models } = report.verification;
  for (const place of ["linear layers", "attention"])
    for (const rows of ["few", "many"])
      expect(kernels.some((own) => own.place.startsWith(`${place}, ${rows} rows`))).toBe(true);
  expect(models.map(({ weights, hasSameTokens }) => [weights, hasSameTokens])).toEqual([
    ["f32", true],
    ["f16", true],
  ]);
  for (const reached of [...report.speed!.decode, report.speed!.prefill])
    for (const share of [reached.shareOfBandwidth, reached.shareOfPeak]) {
      // More than nothing, and on an adapter without a cache of its own not much more than all.
      expect(share.value).toBeGreaterThan(0);
      expect(share.value).toBeLessThan(5);
    }
  expect(report.limits["maxBufferSize"]).toBeGreaterThan(0);
});

it("measures the built module, not a copy of it", async () => {
  // Linear layers alone are no part of the module, and measure its kernels from a copy. The bounds of an adapter are measured by
  // kernels that are not weft's.
  const own = ["linears-alone.js", "bounds.js"];
  const files = (await readdir(join(root, "dist/cli"))).filter(
    (file) => file.endsWith(".js") && !own.includes(file),
  );
  const contents = await Promise.all(files.map((file) => readFile(join(root, "dist/cli", file), "utf8")));
  expect(contents.filter((content) => content.includes("createShaderModule"))).toEqual([]);
  expect(contents.some((content) => content.includes('from "../index.js"'))).toBe(true);
});

it("lists its options, and its cases where the case is unknown", async () => {
  const help = await runCommand("bench", ["--help"]);
  expect(help).toMatchObject({ code: 0, errors: "" });
  for (const option of ["--case", "--runtime", "--repeats", "--quick", "--json"])
    expect(help.output).toMatch(new RegExp(`^ {2}${option} `, "m"));
  const { code, output, errors } = await runCommand("bench", ["--case", "nope"]);
  expect({ code, output }).toEqual({ code: 2, output: "" });
  expect(errors).toMatch(
    /^weft: --case: expected forward or small( or [\w-]+)+, received "nope" \(npm run bench -- --help lists the options\)\n$/,
  );
});
