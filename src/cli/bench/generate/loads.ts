// Loads of the generation benchmark: a short prompt after a long one, prompts beside texts, a shared prompt, random arrivals.
import type { Measurement } from "../case.js";
import { write, type GenerateBench } from "./streams.js";
import { quantile } from "../statistics.js";
import { makeUniform } from "../peers/synthetic-model.js";

/** The time to the first token of a short prompt right after a long one, compared with that alone plus two steps. */
export async function measureBehind(bench: GenerateBench, stepMs: number): Promise<Measurement[]> {
  const { request, prompt, measured } = bench;
  const { shortPrompt, longPrompt, repeats } = request;
  const alone: number[] = [];
  const behind: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    alone.push((await write(bench, prompt(shortPrompt), 1)).generation.timings.firstTokenMs);
    const [, short] = await Promise.all([
      write(bench, prompt(longPrompt), 4),
      write(bench, prompt(shortPrompt), 1),
    ]);
    behind.push(short.generation.timings.firstTokenMs);
  }
  const parameters = { promptTokens: shortPrompt, behindTokens: longPrompt };
  const allowed = quantile(alone, 0.5) + 2 * stepMs;
  return [
    measured("firstTokenAlone", "ms", alone, parameters),
    measured("firstTokenBehind", "ms", behind, parameters),
    measured("twoSteps", "ms", [2 * stepMs], {
      formula: "2 · the median interval between tokens of one text",
    }),
    measured(
      "firstTokenRatio",
      "× of alone and two steps",
      behind.map((ms) => ms / allowed),
      parameters,
    ),
  ];
}

/** How much longer texts wait for each token while long prompts arrive one after another. */
export async function measureStall(bench: GenerateBench): Promise<Measurement[]> {
  const { request, prompt, measured } = bench;
  const { decoding, shortPrompt, longPrompt, maxTokens, repeats } = request;
  const calm: number[] = [];
  const mixed: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++)
    for (const [intervals, isMixed] of [
      [calm, false],
      [mixed, true],
    ] as const) {
      const live = new Set<number>();
      const writers = Array.from({ length: decoding }, async (_, index) => {
        live.add(index);
        const own = await write(bench, prompt(shortPrompt), maxTokens);
        live.delete(index);
        // During the first interval the prompts of the others may have been computed.
        intervals.push(...own.intervals.slice(1));
      });
      // Each prompt is computed in pieces, a few rows per step. The next one is sent when it is done.
      if (isMixed) while (live.size > 0) await write(bench, prompt(longPrompt), 1);
      await Promise.all(writers);
    }
  const parameters = { requests: decoding, maxTokens, arrivingTokens: longPrompt };
  const calmMs = quantile(calm, 0.5);
  return [
    measured("calmInterval", "ms", calm, parameters),
    measured("mixedInterval", "ms", mixed, parameters),
    measured("mixedIntervalP99", "ms", [quantile(mixed, 0.99)], parameters),
    measured("calmIntervalP99", "ms", [quantile(calm, 0.99)], parameters),
    measured("stallFactor", "× of the calm median", [quantile(mixed, 0.99) / calmMs], parameters),
  ];
}

/** Many requests with the same long prompt at once, compared with a single one. */
export async function measureShared(bench: GenerateBench): Promise<Measurement[]> {
  const { request, prompt, measured, model } = bench;
  const { sharers, longPrompt, repeats } = request;
  const one: number[] = [];
  const many: number[] = [];
  const shared: number[] = [];
  const computed: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    one.push((await write(bench, prompt(longPrompt), 1)).generation.timings.firstTokenMs);
    const own = prompt(longPrompt);
    const before = model.stats();
    const firstTokens: number[] = [];
    await Promise.all(
      Array.from({ length: sharers }, async () => {
        const { generation } = await write(bench, own, 2);
        firstTokens.push(generation.timings.firstTokenMs);
      }),
    );
    many.push(Math.max(...firstTokens));
    const after = model.stats();
    shared.push(after.sharedRows - before.sharedRows);
    computed.push(after.computedRows - before.computedRows);
  }
  const parameters = { requests: sharers, promptTokens: longPrompt };
  return [
    measured("onePrompt", "ms", one, { promptTokens: longPrompt }),
    measured("sharedPrompt", "ms to the last first token", many, parameters),
    measured(
      "sharedRatio",
      "× of one prompt",
      many.map((ms) => ms / quantile(one, 0.5)),
      parameters,
    ),
    measured("sharedRows", "rows", shared, parameters),
    measured("computedRows", "rows", computed, parameters),
  ];
}

/** Requests of many sizes that arrive as a Poisson process, at half the model's highest speed. */
export async function measureArrivals(
  bench: GenerateBench,
  mostTokensPerSecond: number,
): Promise<Measurement[]> {
  const { request, prompt, measured } = bench;
  const { arrivals, shortPrompt, longPrompt, maxTokens, seed } = request;
  const uniform = makeUniform(seed);
  const plans = Array.from({ length: arrivals }, () => ({
    // An exponentially distributed waiting time, relative to its mean.
    wait: -Math.log(1 - uniform()),
    promptTokens: shortPrompt + Math.floor(uniform() * ((longPrompt - shortPrompt) / 2)),
    maxTokens: Math.max(2, Math.round(maxTokens * (0.5 + 0.5 * uniform()))),
  }));
  // Rows of prompts count as tokens, because they cost about as much.
  const rows = plans.reduce((sum, plan) => sum + plan.promptTokens + plan.maxTokens, 0) / arrivals;
  const perSecond = mostTokensPerSecond / 2 / rows;
  const firstTokens: number[] = [];
  const intervals: number[] = [];
  const running: Promise<void>[] = [];
  let due = performance.now();
  for (const plan of plans) {
    due += (1000 * plan.wait) / perSecond;
    const waitMs = due - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(
      write(bench, prompt(plan.promptTokens), plan.maxTokens).then(({ generation, intervals: own }) => {
        firstTokens.push(generation.timings.firstTokenMs);
        intervals.push(...own);
      }),
    );
  }
  await Promise.all(running);
  return [0.5, 0.95, 0.99].flatMap((share) => {
    const parameters = { requests: arrivals, perSecond, quantile: share };
    return [
      measured("poissonFirstToken", "ms", [quantile(firstTokens, share)], parameters),
      measured("poissonInterval", "ms", [quantile(intervals, share)], parameters),
    ];
  });
}
