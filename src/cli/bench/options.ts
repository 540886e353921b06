// The options of `npm run bench`: what may be written after "--", and what each becomes.
import {
  checkChoice,
  checkRuntime,
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
} from "../terminal/option-values.js";
import type { Runtime } from "../browser/run-module.js";
import { workloads } from "./workloads.js";

export interface BenchOptions {
  readonly help: boolean;
  readonly case: string;
  readonly runtime: Runtime;
  readonly quick: boolean;
  readonly repeats: number;
  /** Whether to install and measure other runtimes too. */
  readonly peers: boolean;
  /** The file for the records. */
  readonly json: string | undefined;
  /** The file for the report. */
  readonly report: string | undefined;
}

/** `cases`: name and summary of each case. */
export function helpText(cases: readonly { readonly name: string; readonly summary: string }[]): string {
  return `Measures weft, after checking that what it measures is right.

Usage: ${usage("bench")} [options]

  --case NAME             what is measured (default ${cases[0]!.name}):
${cases.map(({ name, summary }) => `                          ${name}: ${summary}`).join("\n")}
${runtimeHelp}
  --repeats N             how often everything is measured, at least 5 (default 7)
  --quick                 a small shape and 2 repeats, to see that the benchmark works: its figures mean nothing
  --peers                 also measure onnxruntime-web and TensorFlow.js, which are installed for it under out/peers;
                          only in a page, and for forward passes
  --json FILE             also write one record per measurement, a JSON array
  --report FILE           also write a page with plots and a picture of the schedule
  --help                  print this

Exits with 1 when a result is wrong. WEFT_CHROMIUM names the browser.`;
}

/** @throws OptionError. */
export function parseBenchOptions(args: readonly string[], cases: readonly string[]): BenchOptions {
  const { values } = readOptions(args, known);
  const quick = values.quick ?? false;
  const runtime = checkRuntime(values.runtime);
  if (values.peers && (runtime === "node" || !isForward(values.case)))
    throw new OptionError("--peers: other runtimes are measured in a page, and run forward passes only");
  if (runtime === "node" && values.case === "page-thread")
    throw new OptionError("--case page-thread: there is a page's thread in --runtime chromium only");
  return {
    help: values.help ?? false,
    case: checkChoice("--case", values.case, cases),
    runtime,
    quick,
    repeats: checkRepeats(values.repeats, quick),
    peers: values.peers ?? false,
    json: values.json === undefined ? undefined : fromCaller(values.json),
    report: values.report === undefined ? undefined : fromCaller(values.report),
  };
}

const isForward = (name = workloads[0].name): boolean => workloads.some((own) => own.name === name);

const known = {
  help: flag,
  case: word,
  runtime: word,
  repeats: word,
  quick: flag,
  peers: flag,
  json: word,
  report: word,
} as const;

function checkRepeats(text: string | undefined, quick: boolean): number {
  return checkWhole("--repeats", text, { least: quick ? 1 : 5 }) ?? (quick ? 2 : 7);
}
