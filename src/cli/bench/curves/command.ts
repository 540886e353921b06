// Benchmark: how speed depends on batch size, k and queues. The command's half: the points, and the table.
import type { BenchCase, CaseOptions, CaseResult } from "../case.js";
import { curveNames, type CurvesRequest } from "./page.js";
import { stsLengths } from "../sts-lengths.js";
import type { Plot } from "../plots.js";
import { alignColumns } from "../../terminal/table.js";

export const curvesCase: BenchCase<CurvesRequest> = {
  name: "curves",
  summary: "tokens per second against the batch's size, k and the number of queues",
  prepare({ repeats, quick }: CaseOptions): CurvesRequest {
    const shape = {
      layers: 4,
      channels: quick ? 32 : 128,
      heads: 4,
      hidden: quick ? 64 : 512,
      vocabulary: 1024,
      contextLength: 128,
    };
    return {
      shape,
      seed: 20_253,
      repeats,
      quick,
      lengths: stsLengths(quick ? 16 : 256),
      batches: quick ? [1, 4, 16] : [1, 2, 4, 8, 16, 32, 64, 128, 256],
      slices: quick ? [1, 16] : [1, 2, 4, 8, 16, 32, 64, 128],
      queues: quick ? [1, 2] : [1, 2, 3, 4],
      usualBatch: quick ? 8 : 32,
    };
  },
  describe({ measurements }: CaseResult): string[] {
    return curveNames.flatMap((curve) => [
      ...alignColumns([
        [curve, "tokens/s", "p10–p90"],
        ...measurements
          .filter(({ parameters }) => parameters["curve"] === curve)
          .map(({ value, parameters }) => {
            const { x, p10, p90 } = parameters as { x: number; p10: number; p90: number };
            return [String(x), value.toFixed(0), `${p10.toFixed(0)}–${p90.toFixed(0)}`];
          }),
      ]),
      "",
    ]);
  },
  plots: ({ measurements }: CaseResult): Plot[] =>
    curveNames.map((curve) => ({
      kind: "line",
      title: titles[curve],
      xName: curve,
      yName: "tokens/s",
      points: measurements
        .filter(({ parameters }) => parameters["curve"] === curve)
        .map(({ value, parameters }) => {
          const { x, p10, p90 } = parameters as { x: number; p10: number; p90: number };
          return { x, y: value, low: p10, high: p90 };
        }),
    })),
};

const titles = {
  sentences: "Sentences at once, k = 16, 1 queue",
  k: "Tokens per slice, 1 queue",
  queues: "Queues, k = 16",
} as const;
