// Benchmark: generation. The command's half: what is measured, and the table.
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import type { GenerateBenchRequest } from "./streams.js";
import { alignColumns } from "../../terminal/table.js";

const seed = 20_252;

export const generateCase: BenchCase<GenerateBenchRequest> = {
  name: "generate",
  summary: "texts of the embedded model: alone, many at once, behind long prompts, arriving at random",
  prepare({ repeats, quick }: CaseOptions): GenerateBenchRequest {
    return {
      seed,
      repeats,
      quick,
      concurrent: [1, 4, 16, 64],
      maxTokens: quick ? 4 : 64,
      shortPrompt: 10,
      longPrompt: 200,
      checkedTokens: quick ? 4 : 24,
      decoding: quick ? 2 : 8,
      sharers: 16,
      arrivals: quick ? 6 : 60,
    };
  },
  describe({ measurements }: CaseResult): string[] {
    const find = (metric: string, own: Readonly<Record<string, unknown>> = {}): Measurement | undefined =>
      measurements.find(
        (one) =>
          one.metric === metric && Object.entries(own).every(([key, value]) => one.parameters[key] === value),
      );
    const show = (metric: string, digits: number, own: Readonly<Record<string, unknown>> = {}): string =>
      find(metric, own)?.value.toFixed(digits) ?? "";
    const atOnce = measurements.filter(({ metric }) => metric === "tokens");
    const rows = atOnce.map(({ value, parameters }) => {
      const requests = parameters["requests"];
      return [
        String(requests),
        value.toFixed(0),
        show("interval", 1, { requests }),
        show("dispatchesPerStep", 0, { requests }),
      ];
    });
    const quantiles = (metric: string): string =>
      [0.5, 0.95, 0.99].map((share) => show(metric, 0, { quantile: share })).join(" / ");
    return [
      ...alignColumns([["requests", "tokens/s", "ms between tokens", "dispatches per step"], ...rows]),
      "",
      `from nothing to the first token: ${show("loadToFirstToken", 0, { isWarm: false })} ms the first time, ${show("loadToFirstToken", 0, { isWarm: true })} ms afterwards`,
      `first token of a short prompt behind a long one: ${show("firstTokenBehind", 0)} ms; alone ${show("firstTokenAlone", 0)} ms, two steps ${show("twoSteps", 0)} ms; ratio ${show("firstTokenRatio", 2)}`,
      `stall factor: ${show("stallFactor", 2)}, p99 between tokens beside arriving prompts over p50 without`,
      `one prompt shared by ${find("sharedPrompt")?.parameters["requests"] as number}: ${show("sharedPrompt", 0)} ms to the last first token, alone ${show("onePrompt", 0)} ms, ratio ${show("sharedRatio", 2)}; of the rows ${show("sharedRows", 0)} shared, ${show("computedRows", 0)} computed`,
      `arriving at random, p50 / p95 / p99: first token ${quantiles("poissonFirstToken")} ms, between tokens ${quantiles("poissonInterval")} ms`,
    ];
  },
};
