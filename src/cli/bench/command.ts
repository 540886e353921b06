// `npm run bench`: measures one case in a headless browser or in Node, prints a table and writes the records.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { describeAdapter } from "../../jobs/words.js";
import type { BenchRequest } from "./page.js";
import { autoCase } from "./auto/command.js";
import type { BenchCase, BenchRecord, CaseResult, Report } from "./case.js";
import { curvesCase } from "./curves/command.js";
import { formatsCase } from "./formats/command.js";
import { forwardCaseOf } from "./forward/command.js";
import { generateCase } from "./generate/command.js";
import { installPeers, PEERS_ADDRESS } from "./peers/install.js";
import { helpText, parseBenchOptions, type BenchOptions } from "./options.js";
import { pageThreadCase } from "./page-thread/command.js";
import { renderReport } from "./report-page.js";
import { trainCase } from "./train/command.js";
import { workloads } from "./workloads.js";
import { Progress } from "../terminal/progress.js";
import { distFolder } from "../browser/dist-folder.js";
import { runModule, type Runtime } from "../browser/run-module.js";
import { OptionError, usage } from "../terminal/option-values.js";

/** The command's half of every case. page.ts lists the other halves. */
const cases: readonly BenchCase<unknown>[] = [
  ...workloads.map(forwardCaseOf),
  curvesCase,
  autoCase,
  generateCase,
  formatsCase,
  pageThreadCase,
  trainCase,
];

async function bench(options: BenchOptions): Promise<void> {
  const benchCase = cases.find(({ name }) => name === options.case)!;
  const progress = new Progress();
  progress.show("Computing what float64 expects");
  const folders: Record<string, string> = {};
  if (options.peers) {
    progress.show("Installing other runtimes");
    folders[PEERS_ADDRESS] = await installPeers();
  }
  const request = benchCase.prepare({ ...options, peers: options.peers ? PEERS_ADDRESS : undefined });
  const { result, runtime } = await runOn(
    options.runtime,
    { case: benchCase.name, request },
    folders,
    (words, part) => progress.show(words, part),
  ).finally(() => progress.end());
  const commit = await readCommit();
  const size = options.quick ? " --quick: too small for its figures to mean anything" : "";
  const facts = [
    ["case", benchCase.name + size],
    ["adapter", describeAdapter(result.adapter)],
    ["runtime", runtime],
    ...(commit === undefined ? [] : [["commit", commit] as const]),
  ] as const;
  const table = benchCase.describe(result);
  print([
    ...facts.map(([name, words]) => line(name, words)),
    ...result.checks.map((check, index) => line(index === 0 ? "checked" : "", check)),
    "",
    ...table,
  ]);
  if (options.report !== undefined) {
    const { checks, picture } = result;
    const plots = benchCase.plots?.(result) ?? [];
    const title = `weft, benchmark "${benchCase.name}"`;
    await write(options.report, renderReport({ title, facts, checks, plots, table, picture }));
    print([line("report", options.report)]);
  }
  if (options.json === undefined) return;
  const records = result.measurements.map(({ metric, value, unit, parameters }): BenchRecord => ({
    case: benchCase.name,
    metric,
    value,
    unit,
    adapter: result.adapter,
    runtime,
    ...(commit === undefined ? {} : { commit }),
    parameters,
  }));
  // One record per line, which is easy to read in a diff.
  await write(options.json, `[\n${records.map((record) => JSON.stringify(record)).join(",\n")}\n]\n`);
  print([line("json", `${records.length} records in ${options.json}`)]);
}

async function write(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

async function runOn(
  runtime: Runtime,
  request: BenchRequest,
  folders: Readonly<Record<string, string>>,
  onProgress: Report,
): Promise<{ result: CaseResult; runtime: string }> {
  const { result, browser } = await runModule<BenchRequest, CaseResult>(runtime, {
    module: "page-bench",
    request,
    folders,
    onProgress,
  });
  return { result, runtime: browser };
}

/** The commit of the folder, which should be the one that was built. Undefined outside a git repository. */
async function readCommit(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "--short", "HEAD"], {
      cwd: distFolder,
    });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

function line(name: string, words: string): string {
  return `${name.padEnd(12)}${words}`;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

try {
  const options = parseBenchOptions(
    process.argv.slice(2),
    cases.map(({ name }) => name),
  );
  if (options.help) print([helpText(cases)]);
  else await bench(options);
} catch (error) {
  const isOption = error instanceof OptionError;
  const advice = isOption ? ` (${usage("bench")} --help lists the options)` : "";
  process.stderr.write(`weft: ${(error as Error).message}${advice}\n`);
  process.exitCode = isOption ? 2 : 1;
}
