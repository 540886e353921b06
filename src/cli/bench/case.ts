// What a benchmark case is. Its two halves meet as JSON: the command prepares a request and prints what comes back; the
// page, or this process with Dawn, does the work in between.
import type { AdapterDescription } from "../../index.js";
import type { PageHooks } from "../browser/page-call.js";
import type { Plot } from "./plots.js";

/** One number that was measured. */
export interface Measurement {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** Everything that the number depends on. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What a case brings back. */
export interface CaseResult {
  readonly adapter: AdapterDescription;
  /** What was checked before anything was measured, in words. */
  readonly checks: readonly string[];
  readonly measurements: readonly Measurement[];
  /** A schedule, as SVG. */
  readonly picture?: string;
}

export interface CaseOptions {
  /** How often everything is measured. */
  readonly repeats: number;
  /** A small shape, to see that the benchmark itself works. Its figures mean nothing. */
  readonly quick: boolean;
  /** Where a page finds the packages of other runtimes; undefined to leave them out. */
  readonly peers: string | undefined;
}

/** The command's half. */
export interface BenchCase<Request> {
  readonly name: string;
  /** One line for --help. */
  readonly summary: string;
  /** Makes what `runCase` of the other half gets: JSON. */
  prepare(options: CaseOptions): Request;
  /** The result as lines for a terminal. */
  describe(result: CaseResult): string[];
  /** The result as plots for the report, where a picture says more. */
  plots?(result: CaseResult): Plot[];
}

/** Hears how far a case is: words, and how much of that is done, from 0 to 1, where it is known. */
export type Report = (words: string, part?: number) => void;

/** The half that measures. Throws when what it would measure is wrong. */
export type RunCase<Request> = (
  request: Request,
  report: Report,
  hooks: Pick<PageHooks, "taskMs">,
) => Promise<CaseResult>;

/** One measurement as `--json` writes it. */
export interface BenchRecord extends Measurement {
  readonly case: string;
  readonly adapter: AdapterDescription;
  /** Browser and version, or Node's and that it runs Dawn. */
  readonly runtime: string;
  /** Absent outside a git repository. */
  readonly commit?: string;
}
