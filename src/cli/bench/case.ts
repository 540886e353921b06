// What a benchmark case is: two halves that exchange JSON. The command's half prepares a request and prints the result. The
// other half does the work, in a page or in this process with Dawn.
import type { AdapterDescription } from "../../index.js";
import type { PageHooks } from "../browser/page-call.js";
import type { Runtime } from "../browser/run-module.js";
import type { PlacedModel } from "../terminal/model-choice.js";
import type { Plot } from "./plots.js";

/** One number that was measured. */
export interface Measurement {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** Everything that the number depends on. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The result of a case. */
export interface CaseResult {
  readonly adapter: AdapterDescription;
  /** What was checked before anything was measured, in words. */
  readonly checks: readonly string[];
  readonly measurements: readonly Measurement[];
  /** A picture of a schedule, as SVG. */
  readonly picture?: string;
  /** What --json writes in place of records: JSON of a format of its own. */
  readonly document?: unknown;
}

export interface CaseOptions {
  /** How often everything is measured. */
  readonly repeats: number;
  /** Whether to use a small shape, which only shows that the benchmark works. Its figures mean nothing. */
  readonly quick: boolean;
  /** The address of other runtimes' packages, for a page a URL, in Node a path; undefined leaves them out. */
  readonly peers: string | undefined;
  readonly runtime: Runtime;
  /** For cases that measure a model of the user's choice. */
  readonly model: PlacedModel;
}

/** The command's half. */
export interface BenchCase<Request> {
  readonly name: string;
  /** One line for --help. */
  readonly summary: string;
  /** Makes the request for the other half: JSON. */
  prepare(options: CaseOptions): Request;
  /** The result as lines for a terminal. */
  describe(result: CaseResult): string[];
  /** Whether all is right that the result tells of. Absent: cases throw when something is wrong. */
  isRight?(result: CaseResult): boolean;
  /** Plots of the result for the report, if a picture says more than the lines. */
  plots?(result: CaseResult): Plot[];
}

/** Called with what a case is doing, and the part of it that is done, from 0 to 1, if that is known. */
export type Report = (words: string, part?: number) => void;

/** The half that measures. Throws when the results to be measured are wrong. */
export type RunCase<Request> = (
  request: Request,
  report: Report,
  hooks: Pick<PageHooks, "taskMs">,
) => Promise<CaseResult>;

/** One measurement as `--json` writes it. */
export interface BenchRecord extends Measurement {
  readonly case: string;
  readonly adapter: AdapterDescription;
  /** The browser and its version, or the version of Node with Dawn. */
  readonly runtime: string;
  /** Absent outside a git repository. */
  readonly commit?: string;
}
