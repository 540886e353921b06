// `npm run bench`: measures one case in a headless browser or in Node, prints a table and writes the records.
import { execFile, spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describeAdapter } from "../../jobs/words.js";
import type { BenchRequest } from "./page.js";
import { autoCase } from "./auto/command.js";
import type { BenchCase, BenchRecord, CaseResult, Report } from "./case.js";
import { curvesCase } from "./curves/command.js";
import { decodeCase } from "./decode/command.js";
import { embedCase } from "./embed/command.js";
import { formatsCase } from "./formats/command.js";
import { forwardCaseOf } from "./forward/command.js";
import { generateCase } from "./generate/command.js";
import {
  embeddingPeers,
  forwardPeers,
  installPeers,
  PEERS_ADDRESS,
  textPeers,
  type Peers,
} from "./peers/install.js";
import { helpText, parseBenchOptions, type BenchOptions } from "./options.js";
import { pageThreadCase } from "./page-thread/command.js";
import { renderReport } from "./report-page.js";
import { selfCheckCase } from "./self-check/command.js";
import { serveCase } from "./serve/command.js";
import { trainCase } from "./train/command.js";
import { workloads } from "./workloads.js";
import { runCommand } from "../terminal/command.js";
import { Progress } from "../terminal/progress.js";
import { distFolder } from "../browser/dist-folder.js";
import { runModule, type Runtime } from "../browser/run-module.js";
import { placeModel } from "../terminal/model-choice.js";

/** The command's half of every case. page.ts lists the other halves. */
const cases: readonly BenchCase<unknown>[] = [
  ...workloads.map(forwardCaseOf),
  curvesCase,
  autoCase,
  generateCase,
  decodeCase,
  embedCase,
  formatsCase,
  pageThreadCase,
  selfCheckCase,
  serveCase,
  trainCase,
];

/** The peers of cases other than forward passes. */
const peersOf: Readonly<Record<string, Peers>> = { decode: textPeers, embed: embeddingPeers };

async function bench(options: BenchOptions): Promise<void> {
  const benchCase = cases.find(({ name }) => name === options.case)!;
  const progress = new Progress();
  progress.show("Preparing");
  const { runtime: place } = options;
  const model = placeModel(options.model, place);
  const folders: Record<string, string> = { ...model.folders };
  let peers: string | undefined;
  if (options.peers) {
    progress.show("Installing other runtimes");
    const packages = await installPeers(peersOf[benchCase.name] ?? forwardPeers);
    peers = place === "node" ? packages : PEERS_ADDRESS;
    if (place !== "node") folders[PEERS_ADDRESS] = packages;
  }
  const request = benchCase.prepare({ ...options, model, peers });
  const { result, runtime } = await runOn(place, { case: benchCase.name, request }, folders, (words, part) =>
    progress.show(words, part),
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
  if (benchCase.isRight?.(result) === false) process.exitCode = 1;
  if (options.json === undefined) return;
  if (result.document !== undefined) {
    await write(options.json, `${JSON.stringify(result.document, undefined, 2)}\n`);
    print([line("json", `the report in ${options.json}`)]);
    return;
  }
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

/** Whether a peer needs a process that has a single thread for Node's own work. */
const needsSmallPool = ({ case: name, runtime, peers }: BenchOptions): boolean =>
  peers && name === "decode" && runtime === "node" && process.env["UV_THREADPOOL_SIZE"] !== "1";

/** Runs this command once more, as the size of the pool is read when a process begins. */
function repeatWithSmallPool(): number {
  const { execPath, execArgv, argv, env } = process;
  const { status } = spawnSync(execPath, [...execArgv, fileURLToPath(import.meta.url), ...argv.slice(2)], {
    stdio: "inherit",
    env: { ...env, UV_THREADPOOL_SIZE: "1" },
  });
  return status ?? 1;
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

await runCommand("bench", async () => {
  const options = parseBenchOptions(
    process.argv.slice(2),
    cases.map(({ name }) => name),
  );
  if (options.help) print([helpText(cases)]);
  else if (needsSmallPool(options)) process.exitCode = repeatWithSmallPool();
  else await bench(options);
});
