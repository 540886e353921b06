// Benchmark: embedding. The half that measures: vectors first, then texts per second, contestants in turns, then weft's curves.
import { Model } from "../../../index.js";
import { count } from "../../../jobs/words.js";
import { SeededRandom } from "../../../util/seeded-random.js";
import { takeTurns, timed } from "../../../util/take-turns.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { makeEncoder, makeText, type EncoderShape } from "../made-up/encoder.js";
import { toSafetensors } from "../peers/synthetic-model.js";
import { loadTransformersJs } from "../peers/transformers-js.js";
import { quantile, spreadOf } from "../statistics.js";
import { bestBatch, embedFor, type Contestant, type Draw } from "./contest.js";

export interface EmbedBenchRequest {
  readonly shape: EncoderShape;
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** Texts whose vectors are checked, and the float64 reference's, each of length 1. */
  readonly checked: readonly { readonly text: string; readonly vector: readonly number[] }[];
  /** The lengths of the texts of each workload, in tokens. */
  readonly workloads: readonly { readonly name: string; readonly lengths: readonly number[] }[];
  /** How long each contestant works on a workload in a round. */
  readonly turnMs: number;
  /** How often a single text is timed. */
  readonly singles: number;
  /** Of weft alone: texts per call, and tokens per text. */
  readonly batches: readonly number[];
  readonly lengths: readonly number[];
  readonly peers?: string;
}

/** float32 through the model's reductions against float64, of vectors of length 1. */
const LIMIT = 1e-5;
/** For peers, which may approximate the activation. */
const PEER_LIMIT = 1e-4;

type Measured = (
  metric: string,
  unit: string,
  values: readonly number[],
  parameters?: Readonly<Record<string, unknown>>,
) => Measurement;

export async function runEmbed(request: EmbedBenchRequest, report: Report): Promise<CaseResult> {
  const { shape, seed, repeats, quick } = request;
  const measured: Measured = (metric, unit, values, parameters = {}) => {
    const { median, p10, p90 } = spreadOf(values);
    const more = { shape, seed, repeats, quick, queues: 1, ...parameters, p10, p90 };
    return { metric, value: median, unit, parameters: more };
  };
  const contestants: Contestant[] = [];
  const checks: string[] = [];
  const measurements: Measurement[] = [];
  try {
    report("Loading weft");
    const begunMs = performance.now();
    const { model, contestant } = await loadWeft(request);
    contestants.push(contestant);
    await contestant.embed([request.checked[0]!.text]);
    measurements.push(
      measured("firstCall", "ms", [performance.now() - begunMs], { runtime: contestant.name }),
    );
    checks.push(await check(contestant, request, LIMIT));
    for (const device of request.peers === undefined ? [] : (["webgpu", "wasm"] as const)) {
      report(`Loading transformers.js for ${device}`);
      const made = makeEncoder(shape, seed);
      const startMs = performance.now();
      const peer = await loadTransformersJs(made, request.peers!, device);
      contestants.push(peer);
      await peer.embed([request.checked[0]!.text]);
      measurements.push(measured("firstCall", "ms", [performance.now() - startMs], { runtime: peer.name }));
      checks.push(await check(peer, request, PEER_LIMIT));
    }
    for (const { name, lengths } of request.workloads) {
      const draw = drawTexts(shape, lengths, seed);
      const batches: number[] = [];
      for (const one of contestants) {
        report(`Looking for the best batch of ${one.name}, ${name}`);
        batches.push(await bestBatch(one, draw, request.turnMs));
      }
      const runs = contestants.map(
        (own, index) => () => embedFor(own, draw, { batch: batches[index]!, turnMs: request.turnMs }),
      );
      const results = await takeTurns(runs, repeats, (part) => report(`Measuring ${name}`, part));
      for (const [index, own] of results.entries()) {
        const parameters = { workload: name, runtime: contestants[index]!.name, batch: batches[index]! };
        measurements.push(
          measured(
            "texts",
            "texts/s",
            own.map(({ texts, ms }) => (1000 * texts) / ms),
            parameters,
          ),
          measured(
            "tokens",
            "tokens/s",
            own.map(({ tokens, ms }) => (1000 * tokens) / ms),
            parameters,
          ),
        );
        if (index > 0)
          measurements.push(
            measured(
              "ratio",
              "× of the peer's texts/s",
              own.map(
                ({ texts, ms }, round) => results[0]![round]!.texts / results[0]![round]!.ms / (texts / ms),
              ),
              parameters,
            ),
          );
      }
    }
    const random = new SeededRandom(seed + 1);
    for (const own of contestants) {
      report(`Measuring single texts, ${own.name}`);
      const times: number[] = [];
      for (let single = 0; single < request.singles; single++)
        times.push(await timed(() => own.embed([makeText(shape, 12, random)])));
      for (const share of [0.5, 0.95])
        measurements.push(
          measured("single", "ms", [quantile(times, share)], {
            runtime: own.name,
            quantile: share,
            length: 12,
          }),
        );
    }
    measurements.push(...(await measureCurves(contestant, request, measured, report)));
    return { adapter: model.info.adapter, checks, measurements };
  } finally {
    for (const own of contestants) await own.dispose();
  }
}

async function loadWeft({
  shape,
  seed,
}: EmbedBenchRequest): Promise<{ model: Model; contestant: Contestant }> {
  const { config, tokenizer, tokenizerConfig, tensors } = makeEncoder(shape, seed);
  const parts = { config, tokenizer, tokenizerConfig, weights: toSafetensors({ tensors }) };
  const model = await Model.load(parts, { queues: 1 });
  return {
    model,
    contestant: {
      name: "weft",
      isRagged: true,
      embed: async (texts) => (await model.embed(texts, { pooling: "mean", normalize: true })).vectors,
      dispose: async () => model.dispose(),
    },
  };
}

/** @throws when vectors are not those of the float64 reference. The texts are embedded at once, so that peers pad. */
async function check(own: Contestant, { checked }: EmbedBenchRequest, limit: number): Promise<string> {
  const vectors = await own.embed(checked.map(({ text }) => text));
  let worst = 0;
  for (const [index, { vector }] of checked.entries())
    for (const [at, value] of vector.entries()) {
      const difference = Math.abs(vectors[index]![at]! - value);
      // Negated, so that NaN fails.
      if (!(difference <= limit))
        throw new Error(
          `the results of ${own.name} are wrong, nothing was measured: number ${at} of vector ${index} is ` +
            `${vectors[index]![at]}, expected ${value} within ${limit}`,
        );
      worst = Math.max(worst, difference);
    }
  return `${own.name}: ${count(checked.length, "vector")} differ from float64 by at most ${worst.toExponential(1)} (limit ${limit})`;
}

function drawTexts(shape: EncoderShape, lengths: readonly number[], seed: number): Draw {
  const random = new SeededRandom(seed);
  return lengths.map((tokens) => ({ tokens, text: makeText(shape, tokens, random) }));
}

/** texts/s against texts per call, and against their length. */
async function measureCurves(
  weft: Contestant,
  { shape, seed, repeats, batches, lengths }: EmbedBenchRequest,
  measured: Measured,
  report: Report,
): Promise<Measurement[]> {
  const random = new SeededRandom(seed + 2);
  const time = async (metric: string, texts: number, tokens: number, x: number): Promise<Measurement> => {
    const speeds: number[] = [];
    for (let repeat = 0; repeat <= repeats; repeat++) {
      const own = Array.from({ length: texts }, () => makeText(shape, tokens, random));
      const ms = await timed(() => weft.embed(own));
      if (repeat > 0) speeds.push((1000 * texts) / ms);
    }
    return measured(metric, "texts/s", speeds, { runtime: weft.name, texts, tokens, x });
  };
  const results: Measurement[] = [];
  for (const batch of batches) {
    report(`Measuring ${count(batch, "text")} per call`);
    results.push(await time("byBatch", batch, 12, batch));
  }
  for (const tokens of lengths) {
    report(`Measuring texts of ${tokens} tokens`);
    results.push(await time("byLength", 16, tokens, tokens));
  }
  return results;
}
