// The forward pass of a ragged batch, the command's half: what is measured, what float64 expects of it, and the table.
import { gpt2Forward } from "../../../test/reference/gpt2.js";
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "./case.js";
import type { ForwardRequest } from "./forward.js";
import { stsLengths } from "./sts-lengths.js";
import { makeSentences, makeSyntheticModel, type SyntheticShape } from "./synthetic-model.js";
import { alignColumns } from "./table.js";

const seed = 20_250;

const fullShape: SyntheticShape = {
  layers: 4,
  channels: 256,
  heads: 4,
  hidden: 1024,
  vocabulary: 4096,
  contextLength: 128,
};

const quickShape: SyntheticShape = { ...fullShape, layers: 2, channels: 64, hidden: 256, vocabulary: 512 };

export const forwardCase: BenchCase<ForwardRequest> = {
  name: "forward",
  summary: "one forward pass over 32 sentences with lengths like the STS benchmark's, on 1 and 2 queues",
  prepare({ repeats, quick, peers }: CaseOptions): ForwardRequest {
    const shape = quick ? quickShape : fullShape;
    const lengths = stsLengths(32);
    return {
      shape,
      seed,
      lengths,
      queues: [1, 2],
      sliceTokens: 16,
      repeats,
      quick,
      expected: expectLogits(shape, lengths),
      batches: [1, 8, 32],
      slices: [1, 8, 32],
      ...(peers === undefined ? {} : { peers }),
    };
  },
  describe({ measurements }: CaseResult): string[] {
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
    const head = ["queues", "ms", "tokens/s", "useful GFLOP/s", "dispatches", "submissions", "speed-up"];
    return [
      ...alignColumns([head, ...rows]),
      "medians (p10–p90); dispatches and submissions per queue and pass",
      "",
      ...describeBaselines(measurements),
    ];
  },
};

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

/** Of sentences of every kind of length but the very longest, where float64 takes its time. */
function expectLogits(shape: SyntheticShape, lengths: readonly number[]): ForwardRequest["expected"] {
  const { config, tensors } = makeSyntheticModel(shape, seed);
  const weights = new Map([...tensors].map(([name, { values }]) => [name, values]));
  const sentences = makeSentences(lengths, shape.vocabulary, seed);
  const byLength = lengths.map((_, sentence) => sentence).toSorted((a, b) => lengths[a]! - lengths[b]!);
  return [0, 8, 16, 24, 30].map((place) => {
    const sentence = byLength[place]!;
    const { logits } = gpt2Forward(config, weights, sentences[sentence]!);
    return { sentence, logits: Array.from(logits.slice(-shape.vocabulary)) };
  });
}
