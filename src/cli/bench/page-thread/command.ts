// Benchmark: what weft costs the page's thread. The command's half: what is measured, and the table.
import type { BenchCase, CaseOptions, CaseResult } from "../case.js";
import type { PageThreadRequest } from "./page.js";
import { stsLengths } from "../sts-lengths.js";
import { alignColumns } from "../../terminal/table.js";

export const pageThreadCase: BenchCase<PageThreadRequest> = {
  name: "page-thread",
  summary: "what Model and WorkerModel cost the page's own thread: loading, 64 sentences, 16 streams",
  prepare: ({ repeats, quick }: CaseOptions): PageThreadRequest => ({
    seed: 20_253,
    repeats,
    quick,
    lengths: stsLengths(quick ? 4 : 64),
    streams: quick ? 2 : 16,
    maxTokens: quick ? 4 : 64,
  }),
  describe({ measurements }: CaseResult): string[] {
    const show = (load: unknown, place: string, metric: string): string => {
      const { value, parameters } = measurements.find(
        (one) =>
          one.metric === metric && one.parameters["load"] === load && one.parameters["place"] === place,
      )!;
      const { p10, p90 } = parameters as { p10: number; p90: number };
      return `${value.toFixed(0)} (${p10.toFixed(0)}–${p90.toFixed(0)})`;
    };
    const rows = [...new Set(measurements.map(({ parameters }) => parameters["load"]))].flatMap((load) =>
      ["page", "worker"].map((place) => [
        `${load as string}, ${place === "page" ? "Model" : "WorkerModel"}`,
        ...["elapsed", "busy", "longestWait", "longestFrame"].map((metric) => show(load, place, metric)),
      ]),
    );
    return [
      ...alignColumns([
        ["", "ms", "ms that the page's thread is busy", "longest wait of a timer, ms", "longest frame, ms"],
        ...rows,
      ]),
      "medians (p10–p90)",
    ];
  },
};
