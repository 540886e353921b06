// What `npm run bench` runs inside the browser's page, and in Node in its own process: the measuring half of every case.
import { runAuto } from "./auto/page.js";
import type { CaseResult, Report, RunCase } from "./case.js";
import { runCurves } from "./curves/page.js";
import { runForward } from "./forward/page.js";
import { runGenerate } from "./generate/page.js";
import { runPageThread } from "./page-thread/page.js";
import { runTrain } from "./train/page.js";
import { workloads } from "./workloads.js";
import type { PageHooks } from "../browser/page-call.js";

/** A case's measuring half by the case's name. Each gets what its other half has prepared. */
const cases: Readonly<Record<string, RunCase<never>>> = {
  ...Object.fromEntries(workloads.map(({ name }) => [name, runForward])),
  curves: runCurves,
  auto: runAuto,
  generate: runGenerate,
  "page-thread": runPageThread,
  train: runTrain,
};

export interface BenchRequest {
  readonly case: string;
  readonly request: unknown;
}

/** The contract of every page module: see run-in-page.ts. */
export function run(
  { case: name, request }: BenchRequest,
  report: Report,
  hooks: PageHooks,
): Promise<CaseResult> {
  return cases[name]!(request as never, report, hooks);
}
