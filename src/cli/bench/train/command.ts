// Benchmark: steps of training. The command's half: what is measured, the float64 loss of the first step, and the table.
import { referenceForward } from "../peers/reference.js";
import { percent } from "../../../jobs/words.js";
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import { makeSentences, makeSyntheticModel, type SyntheticShape } from "../peers/synthetic-model.js";
import { alignColumns } from "../../terminal/table.js";
import { taskKinds, type TrainBenchRequest } from "./page.js";

const seed = 20_251;

const fullShape: SyntheticShape = {
  layers: 4,
  channels: 128,
  heads: 4,
  hidden: 512,
  vocabulary: 1024,
  contextLength: 128,
};

const quickShape: SyntheticShape = { ...fullShape, layers: 2, channels: 32, hidden: 64, vocabulary: 128 };

/** Ragged and unsorted: from a sixteenth of the context to all of it. */
const fullLengths = [8, 61, 114, 39, 92, 17, 70, 123, 48, 101, 26, 79, 128, 57, 110, 35];
const quickLengths = [5, 17, 9, 12];

export const trainCase: BenchCase<TrainBenchRequest> = {
  name: "train",
  summary: "whole training steps over 16 sentences of 8 to 128 tokens, on 1 and 2 queues",
  prepare({ repeats, quick }: CaseOptions): TrainBenchRequest {
    const shape = quick ? quickShape : fullShape;
    const lengths = quick ? quickLengths : fullLengths;
    return {
      shape,
      seed,
      lengths,
      queues: [1, 2],
      sliceTokens: 16,
      shares: 2,
      repeats,
      quick,
      expectedLoss: expectLoss(shape, lengths),
    };
  },
  describe({ measurements }: CaseResult): string[] {
    const queues = [...new Set(measurements.map(queuesOf))];
    const show = (count: number, metric: string, text: (value: number) => string, of?: string): string => {
      const found = measurements.find(
        ({ metric: own, parameters }) =>
          own === metric &&
          parameters["queues"] === count &&
          (parameters["kind"] ?? parameters["kernel"]) === of,
      );
      return found ? text(found.value) : "";
    };
    const steps = queues.map((count) => [
      String(count),
      show(count, "elapsed", fixed(0)),
      show(count, "tokens", fixed(0)),
      show(count, "backwardRatio", fixed(2)),
      show(count, "stepRatio", fixed(2)),
      show(count, "speedup", fixed(2)) || "1",
    ]);
    const shares = queues.map((count) => [
      String(count),
      ...taskKinds.map((kind) => show(count, "share", percent, kind)),
      show(count, "outside", percent),
    ]);
    const kernelNames = [
      ...new Set(
        measurements.flatMap(({ parameters }) => (parameters["kernel"] as string | undefined) ?? []),
      ),
    ];
    const kernels = kernelNames.map((kernel) => [
      kernel,
      ...queues.map((count) => show(count, "kernelShare", percent, kernel)),
    ]);
    return [
      ...alignColumns([
        ["queues", "ms", "tokens/s", "backward : forward", "step : scoring", "speed-up"],
        ...steps,
      ]),
      "medians; forward holds the logits that the loss is taken from, backward all other work of the tasks, cross-entropy too;",
      "scoring is a forward pass with its losses, a step all that train does, with the optimizer",
      "",
      ...alignColumns([["queues", ...taskKinds, "outside"], ...shares]),
      "share of the time of all tasks; outside: the part of a step before and after them (gradient sums, optimizer)",
      "",
      ...alignColumns([
        ["kernel", ...queues.map((count) => `${count} queue${count > 1 ? "s" : ""}`)],
        ...kernels,
      ]),
    ];
  },
};

function fixed(digits: number): (value: number) => string {
  return (value) => value.toFixed(digits);
}

function queuesOf({ parameters }: Measurement): number {
  return parameters["queues"] as number;
}

/** The mean over all tokens but the first of each sentence, in nats. */
function expectLoss(shape: SyntheticShape, lengths: readonly number[]): number {
  const { config, tensors } = makeSyntheticModel(shape, seed);
  const weights = new Map([...tensors].map(([name, { values }]) => [name, values]));
  const { vocabulary: V } = shape;
  let sum = 0;
  let targets = 0;
  for (const ids of makeSentences(lengths, V, seed)) {
    const { logits } = referenceForward(config, weights, ids);
    for (const [place, target] of ids.slice(1).entries()) {
      const row = logits.subarray(place * V, (place + 1) * V);
      const most = row.reduce((best, value) => Math.max(best, value), -Infinity);
      const total = row.reduce((all, value) => all + Math.exp(value - most), 0);
      sum += most + Math.log(total) - row[target]!;
      targets++;
    }
  }
  return sum / targets;
}
