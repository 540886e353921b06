// Benchmark: what weft costs the page's thread, on that thread and behind a worker. The half that measures: first that results
// are the same, then times.
import { Model, type Generation } from "../../../index.js";
import { takeTurns, timed } from "../../../util/take-turns.js";
import { WorkerModel } from "../../../worker/index.js";
import type { PageHooks } from "../../browser/page-call.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { spreadOf } from "../statistics.js";
import { makeSentences } from "../peers/synthetic-model.js";

export interface PageThreadRequest {
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** The lengths of the sentences in the forward pass. */
  readonly lengths: readonly number[];
  /** How many texts are written at once, and the tokens of each. */
  readonly streams: number;
  readonly maxTokens: number;
}

type AnyModel = Model | WorkerModel;

/** The places where a model can live. */
const places = { page: Model, worker: WorkerModel } as const;
type Place = keyof typeof places;

/** About half of a frame. */
const BUDGET_MS = 8;

/** The interval of a timer, which shows whether the thread is free. */
const BEAT_MS = 4;

export async function runPageThread(
  request: PageThreadRequest,
  report: Report,
  { taskMs }: Pick<PageHooks, "taskMs">,
): Promise<CaseResult> {
  if (!taskMs) throw new Error("only a page has a thread to keep free: measure in chromium");
  const { seed, repeats, quick, lengths, streams, maxTokens } = request;
  const address = new URL("../tinystories-gpt2/", import.meta.url);
  const load = (place: Place): Promise<AnyModel> => places[place].load(address);
  report("Loading the embedded model");
  await using onPage = await Model.load(address);
  await using inWorker = await WorkerModel.load(address);
  const models: Readonly<Record<Place, AnyModel>> = { page: onPage, worker: inWorker };
  const vocabulary = onPage.info.config.vocabularySize - 1;
  const sentences = makeSentences(lengths, vocabulary, seed);
  const prompts = makeSentences(
    Array.from({ length: streams }, () => 10),
    vocabulary,
    seed + 1,
  );
  report("Checking that both give the same");
  const checks = await checkSame(onPage, inWorker, sentences, prompts);
  const loads: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
    loading: async (place) => (await load(place))[Symbol.asyncDispose](),
    forward: (place) => models[place].forward(sentences),
    [`forward, gpuBudgetMs ${BUDGET_MS}`]: (place) =>
      models[place].forward(sentences, { gpuBudgetMs: BUDGET_MS }),
    streams: (place) => writeAll(models[place], prompts, maxTokens),
  };
  const measurements: Measurement[] = [];
  for (const [name, act] of Object.entries(loads)) {
    const compared = ["page", "worker"] as const;
    const costs = await takeTurns(
      compared.map((place) => () => costOf(() => act(place), taskMs)),
      repeats,
      (part) => report(`Measuring ${name}`, part),
    );
    for (const [index, place] of compared.entries())
      for (const metric of ["elapsed", "busy", "longestWait", "longestFrame"] as const) {
        const { median, p10, p90 } = spreadOf(costs[index]!.map((cost) => cost[metric]));
        const own = {
          model: "tinystories-gpt2",
          seed,
          repeats,
          quick,
          queues: 1,
          load: name,
          place,
          p10,
          p90,
        };
        const more = name.startsWith("forward")
          ? { batch: lengths.length }
          : name === "streams"
            ? { streams, maxTokens }
            : {};
        measurements.push({ metric, value: median, unit: "ms", parameters: { ...own, ...more } });
      }
  }
  return { adapter: onPage.info.adapter, checks, measurements };
}

interface Cost {
  readonly elapsed: number;
  /** The time of all tasks of the page's thread, counted by the browser. */
  readonly busy: number;
  /** The longest delay of a timer, which is how long a click would have waited. */
  readonly longestWait: number;
  /** The longest time between two frames of an animation that the GPU draws beside its other work. */
  readonly longestFrame: number;
}

async function costOf(act: () => Promise<unknown>, taskMs: () => Promise<number>): Promise<Cost> {
  const busyBefore = await taskMs();
  let longestWait = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    const now = performance.now();
    longestWait = Math.max(longestWait, now - last - BEAT_MS);
    last = now;
  }, BEAT_MS);
  const stopAnimation = animate();
  const elapsed = await timed(act);
  clearInterval(beat);
  const longestFrame = stopAnimation();
  return { elapsed, busy: (await taskMs()) - busyBefore, longestWait, longestFrame };
}

/** Starts an animation. Returns a function that ends it and returns the longest time between two frames. */
function animate(): () => number {
  const box = document.createElement("div");
  box.textContent = "weft";
  document.body.append(box);
  let longest = 0;
  let last = performance.now();
  const draw = (now: number): void => {
    longest = Math.max(longest, now - last);
    last = now;
    box.style.transform = `translateX(${now % 200}px)`;
    frame = requestAnimationFrame(draw);
  };
  let frame = requestAnimationFrame(draw);
  return () => {
    cancelAnimationFrame(frame);
    box.remove();
    return Math.max(longest, performance.now() - last);
  };
}

async function writeAll(
  model: AnyModel,
  prompts: readonly number[][],
  maxTokens: number,
): Promise<Generation[]> {
  const handles = model.generate(prompts, { temperature: 0, maxTokens, stopTokens: [] });
  return Promise.all(
    handles.map(async (handle) => {
      let text = "";
      for await (const piece of handle) text += piece;
      const generation = await handle;
      if (text !== generation.text) throw new Error("the pieces of a text are not the text");
      return generation;
    }),
  );
}

/** @throws when bits differ between the threads, or a token is not the likeliest one in a forward pass over all before it. */
async function checkSame(
  onPage: Model,
  inWorker: WorkerModel,
  sentences: readonly number[][],
  prompts: readonly number[][],
): Promise<string[]> {
  const tokens = 8;
  const [expected, received] = await Promise.all([onPage, inWorker].map((model) => model.forward(sentences)));
  for (const [index, row] of received!.logits.entries())
    if (row.some((value, at) => value !== expected!.logits[index]![at]))
      throw new Error(`the results are wrong, nothing was measured: logits of sentence ${index} differ`);
  for (const model of [onPage, inWorker]) {
    const texts = await writeAll(model, prompts, tokens);
    const whole = texts.map((text, index) => [...prompts[index]!, ...text.tokens]);
    const { logits } = await onPage.forward(whole, { output: "all" });
    for (const [index, rows] of logits.entries())
      for (let at = prompts[index]!.length; at < whole[index]!.length; at++) {
        const width = rows.length / whole[index]!.length;
        const row = rows.subarray((at - 1) * width, at * width);
        if (row.indexOf(Math.max(...row)) !== whole[index]![at])
          throw new Error(`the results are wrong, nothing was measured: token ${at} of text ${index}`);
      }
  }
  return [
    `logits of ${sentences.length} sentences are the same bits on the page and in a worker`,
    `${prompts.length} greedy texts of ${tokens} tokens of both are the likeliest by forward passes`,
  ];
}
