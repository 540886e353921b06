// Benchmark: a server. The command's half: what is measured, and the table.
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import type { Plot } from "../plots.js";
import { alignColumns } from "../../terminal/table.js";
import type { ServeBenchRequest } from "./page.js";

export const serveCase: BenchCase<ServeBenchRequest> = {
  name: "serve",
  summary:
    "clients of a server on loopback, with --model, against the same load by calls in this process (Node alone)",
  prepare({ repeats, quick, model, runtime }: CaseOptions): ServeBenchRequest {
    if (runtime !== "node")
      throw new Error("The case serve listens at a port, which no page may: pass --runtime node.");
    return {
      name: model.name,
      model: model.address,
      repeats,
      quick,
      clients: quick ? [1, 4] : [1, 8, 64],
      maxTokens: quick ? 6 : 8,
    };
  },
  describe({ measurements }: CaseResult): string[] {
    const find = (metric: string, own: Readonly<Record<string, unknown>> = {}): Measurement =>
      measurements.find(
        (one) =>
          one.metric === metric && Object.entries(own).every(([key, value]) => one.parameters[key] === value),
      )!;
    const show = (metric: string, digits: number, own: Readonly<Record<string, unknown>>): string =>
      find(metric, own).value.toFixed(digits);
    return [
      ...alignColumns([
        [
          "clients",
          "requests/s",
          "tokens/s",
          "tokens/s by calls",
          "ratio",
          "first token, p50 / p95 ms",
          "host ms per token",
        ],
        ...clientsOf(measurements).map((clients) => [
          String(clients),
          show("requests", 2, { clients }),
          show("tokens", 1, { clients, through: "HTTP" }),
          show("tokens", 1, { clients, through: "calls" }),
          show("ratio", 2, { clients }),
          `${show("firstToken", 0, { clients, quantile: 0.5 })} / ${show("firstToken", 0, { clients, quantile: 0.95 })}`,
          show("overhead", 3, { clients }),
        ]),
      ]),
      "streamed chat completions; the clients are a process of their own on the same cores",
      "host ms per token: what this thread works more with the server than with calls, for each token",
    ];
  },
  plots: ({ measurements }: CaseResult): Plot[] => [
    {
      kind: "line",
      title: "tokens/s through HTTP against clients",
      xName: "clients",
      yName: "tokens/s",
      points: measurements
        .filter(({ metric, parameters }) => metric === "tokens" && parameters["through"] === "HTTP")
        .map(({ value, parameters }) => {
          const { clients, p10, p90 } = parameters as { clients: number; p10: number; p90: number };
          return { x: clients, y: value, low: p10, high: p90 };
        }),
    },
  ],
};

const clientsOf = (measurements: readonly Measurement[]): number[] => [
  ...new Set(
    measurements
      .filter(({ metric }) => metric === "ratio")
      .map(({ parameters }) => parameters["clients"] as number),
  ),
];
