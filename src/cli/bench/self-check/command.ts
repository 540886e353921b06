// `weft bench --self-check`: the half that prints. Its report is the one that the page gives, whatever the command adds in words.
import { readFileSync } from "node:fs";
import { describeFigure, describeShare } from "../../../jobs/gpu-check/words.js";
import type { GpuReport } from "../../../jobs/gpu-check/report.js";
import { alignColumns } from "../../terminal/table.js";
import type { BenchCase, CaseOptions, CaseResult } from "../case.js";
import type { SelfCheckRequest } from "./page.js";

export const selfCheckCase: BenchCase<SelfCheckRequest> = {
  name: "self-check",
  summary:
    "whether kernels are right on this GPU, and which share of its bandwidth and arithmetic they reach",
  prepare({ quick }: CaseOptions): SelfCheckRequest {
    const file = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    return { version: (JSON.parse(file) as { version: string }).version, quick };
  },
  describe({ document }: CaseResult): string[] {
    return describeReport(document as GpuReport);
  },
  isRight: ({ document }: CaseResult) => (document as GpuReport).problems.length === 0,
};

/** The report as lines for a terminal. */
export function describeReport({ verification, bounds, speed, problems, weft }: GpuReport): string[] {
  const { kernels, models } = verification;
  const checked = [
    ["against float64", "kernel", "", "largest error"],
    ...kernels.map(({ place, kernel, isRight, largestError }) => [
      place,
      kernel,
      isRight ? "right" : "WRONG",
      error(largestError),
    ]),
    ...models.map(({ weights, isRight, largestError }) => [
      `a whole model, weights in ${weights}`,
      "all",
      isRight ? "right" : "WRONG",
      error(largestError),
    ]),
  ];
  return [
    ...alignColumns(checked, 0),
    "",
    `this adapter reads ${describeFigure(bounds.bandwidth, "GB/s")}, and multiplies and adds ${describeFigure(bounds.arithmetic, "GFLOP/s")} in f32`,
    ...(speed ? describeSpeed(speed) : ["no speed was measured"]),
    ...(problems.length === 0 ? [] : ["", ...problems.map((problem) => `PROBLEM: ${problem}`)]),
    "",
    `weft ${weft}. The JSON says no more of this machine than WebGPU tells every page: please send it to weft's authors`,
  ];
}

const error = (largest: number | null | undefined): string => largest?.toExponential(1) ?? "not finite";

function describeSpeed({ model, decode, prefill }: NonNullable<GpuReport["speed"]>): string[] {
  const row = (words: string, own: typeof prefill | (typeof decode)[number]): string[] => [
    words,
    own.tokensPerSecond.toFixed(1),
    own.gigabytesPerSecond.toFixed(1),
    describeShare(own.shareOfBandwidth),
    own.gigaflopsPerSecond.toFixed(1),
    describeShare(own.shareOfPeak),
  ];
  const rows = [
    ["", "tokens/s", "GB/s", "of bandwidth", "GFLOP/s", "of peak"],
    ...decode.map((own) => row(own.requests === 1 ? "one text" : `${own.requests} texts at once`, own)),
    row(`a prompt of ${prefill.promptTokens} tokens`, prefill),
  ];
  return [
    `${model.name}: ${(model.weightBytes / 1e6).toFixed(1)} MB of weights in ${model.weights}`,
    ...alignColumns(rows),
  ];
}
