// What `weft batch` says about a file when it ends: how many requests were answered, and where the results are.
import { thousands } from "../../jobs/words.js";
import { shorten } from "../terminal/command.js";
import { line } from "../terminal/print-report.js";
import type { ResultPaths } from "./result-files.js";

/** The exit status if all requests have a result, and not all of them the one that they asked for. */
export const SOME_FAILED = 3;

export interface BatchCounts {
  readonly paths: ResultPaths;
  readonly all: number;
  /** Those that have a result, now or from before. */
  readonly done: number;
  /** Of these, those that failed. */
  readonly failed: number;
}

export function describeResults({
  paths: { output, errors = output },
  all,
  done,
  failed,
}: BatchCounts): string[] {
  return [
    line("answered", `${thousands(done - failed)} of ${thousands(all)}: ${shorten(output)}`),
    ...(failed > 0 ? [line("failed", `${thousands(failed)}: ${shorten(errors)}`)] : []),
  ];
}
