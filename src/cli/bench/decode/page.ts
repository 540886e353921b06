// Benchmark: decoding with a model that people run. The half that measures: tokens first, then times, peers in turns.
import { Model, type GenerationStep } from "../../../index.js";
import { count } from "../../../jobs/words.js";
import { takeTurns, timed } from "../../../util/take-turns.js";
import type { Runtime } from "../../browser/run-module.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { checkGreedy } from "../generate/check-greedy.js";
import { makeSentences } from "../peers/synthetic-model.js";
import { findTextPeer, type TextPeer } from "../peers/text-peer.js";
import { quantile, spreadOf } from "../statistics.js";
import type { LinearsAlone } from "../../../../test/bench/linears-alone.js";
import { makePrompts } from "./prompts.js";

export interface DecodeRequest {
  /** Its name for people, and what `Model.load` is given. */
  readonly name: string;
  readonly model: string;
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** How many texts are written at once. */
  readonly concurrent: readonly number[];
  /** The tokens of each text. */
  readonly maxTokens: number;
  /** Lengths of prompts whose first token is timed. */
  readonly promptTokens: readonly number[];
  readonly checkedTokens: number;
  /** The address of other runtimes' packages, and where this runs, which says which of them is measured. */
  readonly peers?: { readonly packages: string; readonly runtime: Runtime };
}

/** Room for a prompt of a text, in a peer's cache. */
const PEER_PROMPT_TOKENS = 24;

type Measured = (
  metric: string,
  unit: string,
  values: readonly number[],
  parameters?: Readonly<Record<string, unknown>>,
) => Measurement;

export async function runDecode(request: DecodeRequest, report: Report): Promise<CaseResult> {
  const { name, model: source, seed, repeats, quick, concurrent, maxTokens, peers } = request;
  const measured: Measured = (metric, unit, values, parameters = {}) => {
    const { median, p10, p90 } = spreadOf(values);
    const more = { model: name, runtime: "weft", seed, repeats, quick, queues: 1, ...parameters, p10, p90 };
    return { metric, value: median, unit, parameters: more };
  };
  report(`Loading ${name}`);
  using model = await Model.load(source, { queues: 1 });
  report("Checking tokens against forward passes");
  const prompts = makePrompts(Math.max(...concurrent));
  const checked = await Promise.all(prompts.slice(0, 3).map(async (prompt) => model.encode(prompt)));
  const checks = [await checkGreedy(model, checked, request.checkedTokens)];
  report("Loading for linear layers alone");
  // In a file of its own, as it is the only one that brings kernels beside those of the built module.
  const { LinearsAlone: Linears } = await import("../../../../test/bench/linears-alone.js");
  const alone = await Linears.load(source);
  let peer: TextPeer | undefined;
  const measurements: Measurement[] = [];
  try {
    if (peers) {
      report("Loading another runtime");
      const load = await findTextPeer(peers.runtime);
      const requests = Math.max(...concurrent);
      const tokens = PEER_PROMPT_TOKENS + maxTokens;
      peer = await load({ packages: peers.packages, model: source, requests, tokens });
      checks.push(await checkPeer(model, peer, prompts.slice(0, 8), maxTokens));
    }
    for (const requests of concurrent) {
      const own = prompts.slice(0, requests);
      const write = (): Promise<number> => timed(() => writeAll(model, own, maxTokens));
      const writePeer = (): Promise<number> => timed(() => peer!.write(own, maxTokens));
      const runs = [write, () => alone.time(requests), ...(peer ? [writePeer] : [])];
      for (const run of runs) await run(); // compiles, and makes room
      const [weftMs, aloneMs, peerMs] = await takeTurns(runs, repeats, (part) =>
        report(`Measuring ${count(requests, "text")} at once`, part),
      );
      const tokens = (jobs: readonly number[], runtime: string): Measurement =>
        measured(
          "tokens",
          "tokens/s",
          jobs.map((jobMs) => (1000 * requests * maxTokens) / jobMs),
          { requests, maxTokens, runtime },
        );
      measurements.push(tokens(weftMs!, "weft"));
      if (peer) measurements.push(tokens(peerMs!, peer.name));
      report(`Measuring steps of ${count(requests, "text")}`);
      const steps = await plainSteps(model, own, repeats);
      const [interval, ...dispatches] = describeSteps(steps, requests, model, measured);
      const linears = compareLinears(aloneMs!, interval!.value, requests, alone, measured);
      measurements.push(interval!, ...dispatches, ...linears);
    }
    const { contextLength } = model.info.config;
    for (const length of request.promptTokens.filter((tokens) => tokens < contextLength)) {
      report(`Measuring the first token after ${length} tokens`);
      measurements.push(await timeFirstToken(model, length, request, measured));
    }
    const { peakBytes, bytes } = model.memory()[0]!;
    const { weightBytes } = model.info;
    const requests = Math.max(...concurrent);
    measurements.push(measured("peakBytes", "bytes", [peakBytes], { weightBytes, bytes, requests }));
  } finally {
    alone.dispose();
    await peer?.dispose();
  }
  return { adapter: model.info.adapter, checks, measurements };
}

async function writeAll(model: Model, prompts: readonly string[], maxTokens: number): Promise<void> {
  const options = { temperature: 0, maxTokens, stopTokens: [] };
  await Promise.all(prompts.map((prompt) => model.generate(prompt, options)));
}

/** Nats by which a peer's token may be less likely than the likeliest: what rounding activations to 8 bits costs is less. */
const MOST_NATS = 1;

/**
 * A peer rounds activations to 8 bits, so that words that are about as likely change places, and its text goes on from there. So
 * every token that it writes must be about as likely for weft as the likeliest is there. A wrong one is off by several nats.
 *
 * @throws when more than one of eight texts has a token that is not; one may be cut into tokens otherwise than the peer wrote it.
 */
async function checkPeer(
  model: Model,
  peer: TextPeer,
  prompts: readonly string[],
  maxTokens: number,
): Promise<string> {
  const options = { temperature: 0, maxTokens, stopTokens: [] };
  const own = await Promise.all(prompts.map(async (prompt) => (await model.generate(prompt, options)).text));
  const theirs = await peer.write(prompts, maxTokens);
  const lost = await Promise.all(prompts.map((prompt, index) => natsLost(model, prompt, theirs[index]!)));
  const wrong = [...lost.keys()].filter((index) => !(lost[index]! <= MOST_NATS));
  if (wrong.length > prompts.length / 8) {
    const [index] = wrong as [number];
    throw new Error(
      `the results of ${peer.name} are wrong, nothing was measured: after ${JSON.stringify(prompts[index])} it writes ` +
        `${JSON.stringify(theirs[index])}, with a token that is ${lost[index]!.toFixed(1)} nats less likely than the likeliest; ` +
        `at most ${MOST_NATS} expected. weft writes ${JSON.stringify(own[index])}`,
    );
  }
  const equal = own.filter((text, index) => text === theirs[index]).length;
  const usual = quantile(lost, 0.5).toFixed(2);
  return (
    `${equal} of ${prompts.length} greedy texts of ${peer.name} are weft's; in the others its least likely token is in the ` +
    `median ${usual} nats from weft's`
  );
}

/** By how many nats the worst token of a text is less likely than the likeliest at its place. */
async function natsLost(model: Model, prompt: string, text: string): Promise<number> {
  const [begin, ids] = await Promise.all([model.encode(prompt), model.encode(prompt + text)]);
  const { logits } = await model.forward([ids], { output: "all" });
  const width = logits[0]!.length / ids.length;
  let worst = 0;
  for (let place = begin.length; place < ids.length; place++) {
    const row = logits[0]!.subarray((place - 1) * width, place * width);
    worst = Math.max(worst, row.reduce((most, value) => Math.max(most, value)) - row[ids[place]!]!);
  }
  return worst;
}

/** Far more tokens than it takes until all prompts have begun. */
const LONG_TEXT = 200;

const isPlain = ({ parts }: GenerationStep, texts: number): boolean =>
  parts.length === texts && parts.every(({ tokenCount, samples }) => samples && tokenCount === 1);

/**
 * Steps in which every text gets a token, one after the other. Prompts begin over several steps, so whole jobs of few tokens have
 * none. The first step has none before it, from whose end its time would count, so there is one more than `repeats`.
 */
async function plainSteps(
  model: Model,
  prompts: readonly string[],
  repeats: number,
): Promise<readonly GenerationStep[]> {
  const steps: GenerationStep[] = [];
  const texts = model.generate(prompts, { temperature: 0, maxTokens: LONG_TEXT, stopTokens: [] });
  const stop = model.watchSteps((step) => {
    if (isPlain(step, prompts.length) && steps.push(step) > repeats) texts.cancel();
  });
  await Promise.all(texts);
  stop();
  return steps;
}

function describeSteps(
  steps: readonly GenerationStep[],
  requests: number,
  model: Model,
  measured: Measured,
): Measurement[] {
  const intervals = steps.slice(1).map(({ doneMs }, index) => doneMs - steps[index]!.doneMs);
  const dispatches = steps.map((step) => step.dispatches);
  const { layers } = model.info.config;
  return [
    measured("interval", "ms", intervals, { requests }),
    measured("dispatchesPerStep", "per step", dispatches, { requests, layers }),
    // What the steps around the layers need is fewer than one per layer.
    measured("dispatchesPerLayer", "per step and layer", [Math.floor(quantile(dispatches, 0.5) / layers)], {
      requests,
      layers,
    }),
  ];
}

async function timeFirstToken(
  model: Model,
  length: number,
  { seed, repeats }: DecodeRequest,
  measured: Measured,
): Promise<Measurement> {
  const times: number[] = [];
  for (let repeat = 0; repeat <= repeats; repeat++) {
    // A new one each time, which no cache has.
    const [prompt] = makeSentences([length], model.info.config.vocabularySize, seed + 7919 * repeat);
    const { timings } = await model.generate(prompt!, { temperature: 0, maxTokens: 1, stopTokens: [] });
    if (repeat > 0) times.push(timings.firstTokenMs);
  }
  return measured("firstToken", "ms", times, { promptTokens: length });
}

/** What linear layers reach by themselves, and the part of it that whole steps reach. */
function compareLinears(
  aloneMs: readonly number[],
  stepMs: number,
  requests: number,
  { flopsPerRow }: LinearsAlone,
  measured: Measured,
): Measurement[] {
  const flops = flopsPerRow * requests;
  const parameters = { requests, formula: "2 · weights of all linear layers and the head · rows / time" };
  const speeds = aloneMs.map((ms) => flops / ms / 1e6);
  return [
    measured("linearsAlone", "GFLOP/s", speeds, parameters),
    measured("step", "GFLOP/s", [flops / stepMs / 1e6], parameters),
    measured(
      "ofLinears",
      "× of linear layers alone",
      aloneMs.map((ms) => ms / stepMs),
      { requests },
    ),
  ];
}
