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
import { choosePath, isGgufPath } from "../terminal/model-choice.js";
import { embeddingPeers, forwardPeers, textPeers, type Peers } from "./peers/install.js";
import { workloads } from "./workloads.js";

/** Where the report of --self-check goes if nothing else is said. */
export const SELF_CHECK_FILE = "weft-gpu-check.json";

export interface BenchOptions {
  readonly help: boolean;
  readonly case: string;
  readonly runtime: Runtime;
  readonly quick: boolean;
  readonly repeats: number;
  /** Whether to install and measure other runtimes too. */
  readonly peers: boolean;
  /** The path of a model; undefined stands for the embedded one. */
  readonly model: string | undefined;
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
  --self-check            the same as --case self-check; its report goes to --json, which is
                          ${SELF_CHECK_FILE} here if it is left out
  --repeats N             how often everything is measured, at least 5 (default 7)
  --quick                 a small shape and 2 repeats, to see that the benchmark works: its figures mean nothing
  --model MODEL           decode, serve: a folder in Hugging Face layout or a .gguf file, with a tokenizer, instead of the
                          embedded model
  --peers                 also measure other runtimes, which are installed for it under out/peers: for forward passes
                          ${namesOf(forwardPeers)}, in a page;
                          for embed ${namesOf(embeddingPeers)}, in a page;
                          for decode, with a .gguf file, ${namesOf(textPeers)}
  --json FILE             also write one record per measurement, a JSON array
  --report FILE           also write a page with plots and a picture of the schedule
  --help                  print this

Exits with 1 when a result is wrong. WEFT_CHROMIUM names the browser.`;
}

/** @throws OptionError. */
export function parseBenchOptions(args: readonly string[], cases: readonly string[]): BenchOptions {
  const { values } = readOptions(args, known);
  const name = values["self-check"] ? "self-check" : values.case;
  if (name === "self-check" && values.case !== undefined && values.case !== name)
    throw new OptionError("--self-check: it is a case of its own; leave --case out");
  const isSelfCheck = name === "self-check";
  const json = values.json ?? (isSelfCheck && !values.help ? SELF_CHECK_FILE : undefined);
  const quick = values.quick ?? false;
  const runtime = checkRuntime(values.runtime);
  const model = choosePath(values.model);
  if (model !== undefined && name !== "decode" && name !== "serve")
    throw new OptionError(
      "--model: the other cases have models of their own; it is for --case decode or serve",
    );
  if (values.peers) checkPeers(name, runtime, model);
  if (runtime === "node" && values.case === "page-thread")
    throw new OptionError("--case page-thread: there is a page's thread in --runtime chromium only");
  return {
    help: values.help ?? false,
    case: checkChoice("--case", name, cases),
    runtime,
    quick,
    repeats: checkRepeats(values.repeats, quick),
    peers: values.peers ?? false,
    model,
    json: json === undefined ? undefined : fromCaller(json),
    report: values.report === undefined ? undefined : fromCaller(values.report),
  };
}

function checkPeers(name: string | undefined, runtime: Runtime, model: string | undefined): void {
  if (name === "decode") {
    if (model !== undefined && isGgufPath(model)) return;
    throw new OptionError(
      "--peers: expected --model with a .gguf file, which is what the peers of decode read",
    );
  }
  if (runtime === "node" || !(name === "embed" || isForward(name)))
    throw new OptionError(
      "--peers: other runtimes are measured in a page, for forward passes and embed, and for decode in Node too",
    );
}

const namesOf = ({ packages }: Peers): string => Object.keys(packages).join(", ");

const isForward = (name = workloads[0].name): boolean => workloads.some((own) => own.name === name);

const known = {
  help: flag,
  case: word,
  "self-check": flag,
  runtime: word,
  repeats: word,
  quick: flag,
  peers: flag,
  model: word,
  json: word,
  report: word,
} as const;

function checkRepeats(text: string | undefined, quick: boolean): number {
  return checkWhole("--repeats", text, { least: quick ? 1 : 5 }) ?? (quick ? 2 : 7);
}
