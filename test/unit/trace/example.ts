// A trace small enough to check by hand: two sentences of one slice each, one layer, each on a queue of its own.
import type { Trace, TraceSubmission } from "../../../src/trace/trace.js";

function submission(queue: number, sentence: number, times: readonly [number, number][]): TraceSubmission {
  const rows = { sentence, firstToken: 0, tokenCount: 2 } as const;
  const tasks = [
    { kind: "slice", segment: 0, ...rows },
    { kind: "attention", layer: 0, ...rows },
    { kind: "slice", segment: 1, ...rows },
  ] as const;
  const stages = times.map(([beginMs, endMs], index) => ({
    beginMs,
    endMs,
    clock: "gpu" as const,
    tasks: [tasks[index]!],
  }));
  return { id: queue, queue, encoder: 0, encodedMs: 0, submittedMs: 0, doneMs: 10 - queue, stages };
}

export const twoQueueTrace: Trace = {
  lengths: [2, 2],
  sliceTokens: 4,
  layers: 1,
  fence: "sentence",
  placement: "affine",
  queues: 2,
  submissions: [
    submission(0, 0, [
      [0, 2],
      [2, 5],
      [5, 9],
    ]),
    submission(1, 1, [
      [0, 4],
      [5, 6],
      [6, 8],
    ]),
  ],
};
