// Benchmark: decoding with a model that people run. The command's half: what is measured, and the table.
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import type { Plot } from "../plots.js";
import { alignColumns } from "../../terminal/table.js";
import type { DecodeRequest } from "./page.js";

export const decodeCase: BenchCase<DecodeRequest> = {
  name: "decode",
  summary: "texts of --model at once against their number, beside what its linear layers reach alone",
  prepare({ repeats, quick, model, peers, runtime }: CaseOptions): DecodeRequest {
    return {
      name: model.name,
      model: model.address,
      seed: 20_256,
      repeats,
      quick,
      concurrent: quick ? [1, 4] : [1, 4, 16, 64],
      maxTokens: quick ? 3 : 8,
      promptTokens: quick ? [16] : [16, 512],
      checkedTokens: quick ? 2 : 4,
      ...(peers === undefined ? {} : { peers: { packages: peers, runtime } }),
    };
  },
  describe({ measurements }: CaseResult): string[] {
    const find = (metric: string, own: Readonly<Record<string, unknown>> = {}): Measurement | undefined =>
      measurements.find(
        (one) =>
          one.metric === metric && Object.entries(own).every(([key, value]) => one.parameters[key] === value),
      );
    const show = (metric: string, digits: number, own: Readonly<Record<string, unknown>>): string =>
      find(metric, own)?.value.toFixed(digits) ?? "";
    const runtimes = runtimesOf(measurements);
    const rows = requestsOf(measurements).map((requests) => [
      String(requests),
      ...runtimes.map((runtime) => show("tokens", 1, { requests, runtime })),
      show("interval", 0, { requests }),
      show("linearsAlone", 2, { requests }),
      show("step", 2, { requests }),
      show("ofLinears", 2, { requests }),
    ]);
    const first = measurements.filter(({ metric }) => metric === "firstToken");
    const peak = find("peakBytes")!;
    return [
      ...alignColumns([
        [
          "texts",
          ...runtimes.map((runtime) => (runtime === "weft" ? "tokens/s" : "peer's")),
          "ms per step",
          "linears alone, GFLOP/s",
          "step",
          "ratio",
        ],
        ...rows,
      ]),
      "tokens/s of whole jobs, prompts included; ms per step and GFLOP/s of steps in which every text gets a token",
      ...runtimes.slice(1).map((runtime) => `peer: ${runtime}`),
      ...first.map(
        ({ value, parameters }) =>
          `first token after ${String(parameters["promptTokens"])} tokens: ${value.toFixed(0)} ms`,
      ),
      `dispatches per step and layer: ${String(find("dispatchesPerLayer")!.value)}`,
      `most bytes on the GPU: ${megabytes(peak.value)}, of them weights ${megabytes(peak.parameters["weightBytes"])}`,
    ];
  },
  plots({ measurements }: CaseResult): Plot[] {
    return runtimesOf(measurements).map((runtime) => ({
      kind: "line" as const,
      title: `${runtime}: tokens/s of whole jobs against texts at once`,
      xName: "texts at once",
      yName: "tokens/s",
      points: measurements
        .filter(({ metric, parameters }) => metric === "tokens" && parameters["runtime"] === runtime)
        .map(({ value, parameters }) => {
          const { requests, p10, p90 } = parameters as { requests: number; p10: number; p90: number };
          return { x: requests, y: value, low: p10, high: p90 };
        }),
    }));
  },
};

const megabytes = (bytes: unknown): string => `${(Number(bytes) / 1e6).toFixed(1)} MB`;

const runtimesOf = (measurements: readonly Measurement[]): string[] => [
  ...new Set(
    measurements
      .filter(({ metric }) => metric === "tokens")
      .map(({ parameters }) => parameters["runtime"] as string),
  ),
];

const requestsOf = (measurements: readonly Measurement[]): number[] => [
  ...new Set(
    measurements
      .filter(({ metric }) => metric === "tokens")
      .map(({ parameters }) => parameters["requests"] as number),
  ),
];
