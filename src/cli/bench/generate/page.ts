// Benchmark: generation. The half that measures: first that tokens are those of forward passes, then dispatches, then times.
import { Model } from "../../../index.js";
import type { CaseResult, Report } from "../case.js";
import { checkGreedy } from "./check-greedy.js";
import { measureArrivals, measureBehind, measureShared, measureStall } from "./loads.js";
import { StepLog, writeAll, type GenerateBench, type GenerateBenchRequest } from "./streams.js";
import { quantile, spreadOf } from "../statistics.js";
import { makeSentences } from "../peers/synthetic-model.js";

/** Loads after the first one. Then the browser has cached files and shaders. */
const WARM_LOADS = 5;

export async function runGenerate(request: GenerateBenchRequest, report: Report): Promise<CaseResult> {
  const { seed, repeats, quick, concurrent, maxTokens } = request;
  report("Loading the embedded model");
  const loads: number[] = [];
  for (let load = 0; load <= (quick ? 1 : WARM_LOADS); load++) loads.push(await timeLoad());
  using model = await loadEmbedded();
  const { vocabularySize } = model.info.config;
  let prompts = 0;
  const bench: GenerateBench = {
    model,
    log: new StepLog(model),
    request,
    prompt: (length) => makeSentences([length], vocabularySize - 1, seed + 7919 * ++prompts)[0]!,
    measured(metric, unit, values, parameters = {}) {
      const { median, p10, p90 } = spreadOf(values);
      const more = { model: "tinystories-gpt2", seed, repeats, quick, queues: 1, ...parameters, p10, p90 };
      return { metric, value: median, unit, parameters: more };
    },
  };
  report("Checking tokens against forward passes");
  const { checkedTokens, shortPrompt, longPrompt } = request;
  const checked = [shortPrompt, 1, Math.floor(longPrompt / 2)].map(bench.prompt);
  const checks = [await checkGreedy(model, checked, checkedTokens)];
  const measurements = [
    bench.measured("loadToFirstToken", "ms", loads.slice(0, 1), { isWarm: false }),
    bench.measured("loadToFirstToken", "ms", loads.slice(1), { isWarm: true }),
  ];
  const perStep = new Set<number>();
  for (const [index, requests] of concurrent.entries()) {
    report("Measuring requests at once", index / concurrent.length);
    await writeAll(bench, requests, Math.min(8, maxTokens)); // compiles, and makes room
    const speeds: number[] = [];
    const intervals: number[] = [];
    const dispatches: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const before = bench.log.steps.length;
      const written = await writeAll(bench, requests, maxTokens);
      // A step that only computes beginnings of prompts chooses no token and has fewer dispatches.
      const choosing = bench.log.steps
        .slice(before)
        .filter(({ parts }) => parts.some(({ samples }) => samples));
      speeds.push((1000 * requests * maxTokens) / written.elapsedMs);
      intervals.push(...written.intervals);
      dispatches.push(...choosing.map((step) => step.dispatches));
    }
    for (const value of dispatches) perStep.add(value);
    const parameters = { requests, maxTokens, promptTokens: request.shortPrompt };
    measurements.push(
      bench.measured("tokens", "tokens/s", speeds, parameters),
      bench.measured("interval", "ms", intervals, parameters),
      bench.measured("dispatchesPerStep", "per step", dispatches, parameters),
    );
  }
  if (perStep.size !== 1)
    throw new Error(`dispatches per step depend on the requests: ${[...perStep].join(", ")}`);
  checks.push(
    `a step that chooses tokens has ${[...perStep][0]} dispatches for ${concurrent.join(", ")} requests alike`,
  );
  const decodeMs = quantile(
    measurements.filter(({ metric }) => metric === "interval").map(({ value }) => value),
    0,
  );
  report("Measuring a prompt behind a long one");
  measurements.push(...(await measureBehind(bench, decodeMs)));
  report("Measuring stalls");
  measurements.push(...(await measureStall(bench)));
  report("Measuring a shared prompt");
  measurements.push(...(await measureShared(bench)));
  report("Measuring arrivals at random");
  const most = Math.max(
    ...measurements.filter(({ metric }) => metric === "tokens").map(({ value }) => value),
  );
  measurements.push(...(await measureArrivals(bench, most)));
  return { adapter: model.info.adapter, checks, measurements };
}

// The embedded model lies beside the commands: at a URL in a page, at a path in Node.
const loadEmbedded = (): Promise<Model> => Model.load(new URL("../tinystories-gpt2/", import.meta.url));

/** The milliseconds from the start of loading to the first token. */
async function timeLoad(): Promise<number> {
  const start = performance.now();
  using model = await loadEmbedded();
  await model.generate([1], { maxTokens: 1 });
  return performance.now() - start;
}
