// Benchmark: how speed depends on batch size, k and queues. The half that measures.
import { Model } from "../../../index.js";
import { timeInTurns } from "../../../util/take-turns.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { spreadOf } from "../statistics.js";
import {
  makeSentences,
  makeSyntheticModel,
  toSafetensors,
  type SyntheticShape,
} from "../peers/synthetic-model.js";

export interface CurvesRequest {
  readonly shape: SyntheticShape;
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** The lengths of the largest batch. Smaller batches are its beginnings. */
  readonly lengths: readonly number[];
  readonly batches: readonly number[];
  readonly slices: readonly number[];
  readonly queues: readonly number[];
  /** The number of sentences when something else varies. */
  readonly usualBatch: number;
}

export const curveNames = ["sentences", "k", "queues"] as const;
type CurveName = (typeof curveNames)[number];

interface Point {
  readonly curve: CurveName;
  readonly x: number;
  readonly batch: number;
  readonly sliceTokens: number;
  readonly queues: number;
}

export async function runCurves(request: CurvesRequest, report: Report): Promise<CaseResult> {
  const { shape, seed, lengths, repeats, quick, usualBatch } = request;
  report("Making the model");
  const synthetic = makeSyntheticModel(shape, seed);
  const sentences = makeSentences(lengths, shape.vocabulary, seed);
  using model = await Model.load(
    { config: synthetic.config, weights: toSafetensors(synthetic) },
    { queues: Math.max(...request.queues) },
  );
  const usual = { batch: usualBatch, sliceTokens: 16, queues: 1 };
  const points: Point[] = [
    ...request.batches.map((batch): Point => ({ ...usual, curve: "sentences", x: batch, batch })),
    ...request.slices.map((sliceTokens): Point => ({ ...usual, curve: "k", x: sliceTokens, sliceTokens })),
    ...request.queues.map((queues): Point => ({ ...usual, curve: "queues", x: queues, queues })),
  ];
  report("Checking that no choice changes a bit");
  const checks = [await checkBits(model, sentences, points)];
  const runs = points.map(({ batch, sliceTokens, queues }) => {
    const own = sentences.slice(0, batch);
    return () => model.forward(own, { sliceTokens, queues });
  });
  const times = await timeInTurns(runs, repeats, (part) => report("Measuring", part));
  const measurements = points.map(({ curve, x, batch, sliceTokens, queues }, index): Measurement => {
    const tokens = lengths.slice(0, batch).reduce((sum, length) => sum + length, 0);
    const { median, p10, p90 } = spreadOf(times[index]!.map((ms) => (1000 * tokens) / ms));
    const parameters = {
      ...shape,
      seed,
      repeats,
      quick,
      curve,
      x,
      batch,
      sliceTokens,
      queues,
      tokens,
      p10,
      p90,
    };
    return { metric: "tokens", value: median, unit: "tokens/s", parameters };
  });
  return { adapter: model.info.adapter, checks, measurements };
}

/** Runs every point once, which also warms it up. @throws when the logits of a sentence differ anywhere. */
async function checkBits(
  model: Model,
  sentences: readonly number[][],
  points: readonly Point[],
): Promise<string> {
  const { logits: expected } = await model.forward(sentences);
  for (const { batch, sliceTokens, queues } of points) {
    const { logits } = await model.forward(sentences.slice(0, batch), { sliceTokens, queues });
    for (const [index, own] of logits.entries())
      if (own.some((value, at) => value !== expected[index]![at]))
        throw new Error(
          `the results are wrong, nothing was measured: the logits of sentence ${index} change with ` +
            `${batch} sentences, k = ${sliceTokens}, ${queues} queues`,
        );
  }
  return `the logits of every sentence are the same bits at all ${points.length} points`;
}
