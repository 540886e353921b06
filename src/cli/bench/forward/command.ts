// Benchmark: the forward pass of a ragged batch. The command's half: what is measured, the float64 reference, and the table.
import { referenceForward } from "../peers/reference.js";
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import type { ForwardRequest } from "./page.js";
import { makeSentences, makeSyntheticModel, type SyntheticShape } from "../peers/synthetic-model.js";
import type { Plot } from "../plots.js";
import { alignColumns } from "../../terminal/table.js";
import type { Workload } from "../workloads.js";

const seed = 20_250;

/** The shape for --quick, whatever the workload's is. */
const quickShape: SyntheticShape = {
  layers: 2,
  channels: 64,
  heads: 4,
  hidden: 256,
  vocabulary: 512,
  contextLength: 128,
};

/** The float64 reference is slow, so only a few short sentences are checked. */
const CHECKED_SENTENCES = 5;
const CHECKED_LENGTH = 64;

/** The benchmark case for a workload. */
export const forwardCaseOf = ({ name, summary, ...own }: Workload): BenchCase<ForwardRequest> => ({
  name,
  summary,
  prepare({ repeats, quick, peers }: CaseOptions): ForwardRequest {
    const shape = quick ? quickShape : own.shape;
    const lengths = own.lengths.map((length) => Math.min(length, shape.contextLength));
    const batches = [1, 8, 32].filter((batch) => batch <= lengths.length);
    return {
      shape,
      seed,
      lengths,
      queues: own.queues,
      sliceTokens: 16,
      repeats,
      quick,
      expected: expectLogits(shape, lengths),
      batches,
      slices: [1, 8, 32],
      ...(peers === undefined ? {} : { peers }),
    };
  },
  describe: describeForward,
  plots: plotContestants,
});

function describeForward({ measurements }: CaseResult): string[] {
  const queues = [...new Set(measurements.filter(({ metric }) => metric === "elapsed").map(queuesOf))];
  const rows = queues.map((count) => {
    const show = (metric: string, digits: number): string => {
      const found = measurements.find((one) => one.metric === metric && queuesOf(one) === count);
      if (!found) return "";
      const { p10, p90 } = found.parameters as { p10?: number; p90?: number };
      const spread =
        p10 === undefined || p90 === undefined ? "" : ` (${p10.toFixed(digits)}–${p90.toFixed(digits)})`;
      return `${found.value.toFixed(digits)}${spread}`;
    };
    return [
      String(count),
      show("elapsed", 0),
      show("tokens", 0),
      show("usefulWork", 2),
      show("dispatchesPerPass", 0),
      show("submissionsPerPass", 1),
      show("speedup", 2) || "1",
    ];
  });
  const cold = measurements.find(({ metric }) => metric === "coldElapsed")!;
  const encoding = measurements.find(({ metric }) => metric === "encodingShare")!;
  const head = ["queues", "ms", "tokens/s", "useful GFLOP/s", "dispatches", "submissions", "speed-up"];
  return [
    ...alignColumns([head, ...rows]),
    "medians (p10–p90); dispatches and submissions per queue and pass",
    `the first pass took ${cold.value.toFixed(0)} ms, after ${(cold.parameters["loadMs"] as number).toFixed(0)} ms of loading`,
    `encoding on the host takes ${(100 * encoding.value).toFixed(1)} % of the time of a pass`,
    "",
    ...describeBaselines(measurements),
  ];
}

/** Plots median and spread of everything that ran the batch on one queue. */
function plotContestants({ measurements }: CaseResult): Plot[] {
  const bars = measurements
    .filter(({ metric }) => metric === "contestantTokens")
    .map(({ value, parameters }) => ({
      name: parameters["contestant"] as string,
      value,
      note: `${value.toFixed(0)} tokens/s`,
    }));
  return [{ kind: "bars", title: "The same batch, on 1 queue", bars }];
}

function describeBaselines(measurements: readonly Measurement[]): string[] {
  const rows = measurements
    .filter(({ metric }) => metric === "contestantTokens")
    .map(({ value, parameters: { contestant } }) => {
      const ahead = measurements.find(
        ({ metric, parameters }) => metric === "weftAhead" && parameters["contestant"] === contestant,
      )!;
      return [contestant as string, value.toFixed(0), ahead.value.toFixed(2)];
    });
  const padding = measurements.find(({ metric }) => metric === "paddingRatio")!;
  return [
    ...alignColumns([["on 1 queue, in turns", "tokens/s", "weft is × as fast"], ...rows]),
    `padded to the longest, the batch has ${padding.value.toFixed(2)} × the tokens`,
  ];
}

function queuesOf({ parameters }: Measurement): number {
  return parameters["queues"] as number;
}

/** Reference logits of sentences of different lengths; of the shortest ones if all are long. */
function expectLogits(shape: SyntheticShape, lengths: readonly number[]): ForwardRequest["expected"] {
  const { config, tensors } = makeSyntheticModel(shape, seed);
  const weights = new Map([...tensors].map(([name, { values }]) => [name, values]));
  const sentences = makeSentences(lengths, shape.vocabulary, seed);
  const byLength = lengths.map((_, sentence) => sentence).toSorted((a, b) => lengths[a]! - lengths[b]!);
  const short = byLength.filter((sentence) => lengths[sentence]! <= CHECKED_LENGTH);
  const from = short.length > 0 ? short : byLength.slice(0, 1);
  const count = Math.min(CHECKED_SENTENCES, from.length);
  return Array.from({ length: count }, (_, index) => {
    const sentence = from[Math.round((index * (from.length - 1)) / Math.max(1, count - 1))]!;
    const { logits } = referenceForward(config, weights, sentences[sentence]!);
    return { sentence, logits: Array.from(logits.slice(-shape.vocabulary)) };
  });
}
