// What `npm run bench` runs in a page, or in Node in its own process: the measuring half of every case.
import { runAuto } from "./auto/page.js";
import type { CaseResult, Report, RunCase } from "./case.js";
import { runCurves } from "./curves/page.js";
import { runDecode } from "./decode/page.js";
import { runEmbed } from "./embed/page.js";
import { runFormats } from "./formats/page.js";
import { runForward } from "./forward/page.js";
import { runGenerate } from "./generate/page.js";
import { runPageThread } from "./page-thread/page.js";
import { runSelfCheck } from "./self-check/page.js";
import { runServe } from "./serve/page.js";
import { runTrain } from "./train/page.js";
import { workloads } from "./workloads.js";
import type { PageHooks } from "../browser/page-call.js";

/** The measuring halves by the names of their cases. Each gets the request that its other half has prepared. */
const cases: Readonly<Record<string, RunCase<never>>> = {
  ...Object.fromEntries(workloads.map(({ name }) => [name, runForward])),
  curves: runCurves,
  auto: runAuto,
  generate: runGenerate,
  decode: runDecode,
  embed: runEmbed,
  formats: runFormats,
  "page-thread": runPageThread,
  "self-check": runSelfCheck,
  serve: runServe,
  train: runTrain,
};

export interface BenchRequest {
  readonly case: string;
  readonly request: unknown;
}

/** What every page module exports: see page-call.ts. */
export function run(
  { case: name, request }: BenchRequest,
  report: Report,
  hooks: PageHooks,
): Promise<CaseResult> {
  return cases[name]!(request as never, report, hooks);
}
