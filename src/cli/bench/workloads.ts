// The workloads of the forward pass: common kinds of batches, and shapes from tiny to 124 million weights.
import { stsLengths } from "./sts-lengths.js";
import type { SyntheticShape } from "./peers/synthetic-model.js";

export interface Workload {
  readonly name: string;
  /** One line for --help. */
  readonly summary: string;
  readonly shape: SyntheticShape;
  readonly lengths: readonly number[];
  readonly queues: readonly number[];
}

const usual: SyntheticShape = {
  layers: 4,
  channels: 256,
  heads: 4,
  hidden: 1024,
  vocabulary: 4096,
  contextLength: 128,
};

const small: SyntheticShape = { ...usual, channels: 128, hidden: 512, vocabulary: 1024 };

export const workloads: readonly [Workload, ...Workload[]] = [
  {
    name: "forward",
    summary: "one forward pass over 32 sentences with lengths like the STS benchmark's, on 1 and 2 queues",
    shape: usual,
    lengths: stsLengths(32),
    queues: [1, 2],
  },
  {
    name: "small",
    summary: "8 short sentences through a small model: what two queues are for",
    shape: small,
    lengths: [6, 9, 7, 12, 8, 10, 7, 9],
    queues: [1, 2],
  },
  {
    name: "short",
    summary: "64 short sentences through a small model: what batching is for",
    shape: small,
    lengths: Array.from({ length: 64 }, (_, index) => 5 + ((index * 5) % 8)),
    queues: [1, 2],
  },
  {
    name: "documents",
    summary: "4 long documents",
    shape: { ...usual, contextLength: 512 },
    lengths: [210, 512, 337, 441],
    queues: [1, 2],
  },
  {
    name: "mixed",
    summary: "2 long documents among 24 short sentences",
    shape: { ...usual, contextLength: 512 },
    lengths: [...stsLengths(24), 400, 290],
    queues: [1, 2],
  },
  {
    name: "long",
    summary: "a single long sentence",
    shape: { ...usual, contextLength: 512 },
    lengths: [512],
    queues: [1, 2],
  },
  {
    name: "tiny",
    summary: "64 sentences through a tiny model, where dispatches cost more than arithmetic",
    shape: { ...usual, layers: 2, channels: 64, hidden: 256, vocabulary: 512 },
    lengths: stsLengths(64),
    queues: [1, 2],
  },
  {
    name: "124m",
    summary: "8 short sentences through 12 layers of 768 channels (124 million weights, made up)",
    shape: {
      layers: 12,
      channels: 768,
      heads: 12,
      hidden: 3072,
      vocabulary: 50_257,
      contextLength: 1024,
    },
    lengths: [6, 9, 7, 12, 8, 10, 7, 9],
    queues: [1],
  },
];
