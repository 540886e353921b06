// Benchmark: is weft's own choice of settings as good as the best fixed setting? The command's half: the settings, and the
// table.
import type { AutoRequest, Setting } from "./page.js";
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import { alignColumns } from "../../terminal/table.js";
import { workloads } from "../workloads.js";

/** Workloads whose passes take about a second or less. */
const measured = ["forward", "small", "short", "mixed", "long", "tiny"];

const affine = (queues: number, sliceTokens: number): Setting => ({
  queues,
  placement: "affine",
  sliceTokens,
});

export const autoCase: BenchCase<AutoRequest> = {
  name: "auto",
  summary:
    "what weft chooses by itself against the best of fixed queues, placements and k, on six of the batches above",
  prepare({ repeats, quick }: CaseOptions): AutoRequest {
    const names = quick ? ["small"] : measured;
    return {
      workloads: workloads.filter(({ name }) => names.includes(name)),
      settings: [
        ...(quick ? [16] : [4, 16, 64]).flatMap((k) => [affine(1, k), affine(2, k)]),
        { queues: 2, placement: "spread", sliceTokens: 16 },
      ],
      seed: 20_253,
      repeats,
      quick,
    };
  },
  describe({ measurements }: CaseResult): string[] {
    const rows = measurements
      .filter(({ metric }) => metric === "tokens")
      .map((tokens) => {
        const { workload, contestant, chosen } = tokens.parameters as Record<string, string>;
        const ofBest = measurements.find((other) => other.metric === "ofBest" && isSame(other, tokens))!;
        const isFixed = contestant === chosen;
        return [
          isFixed ? workload! : "",
          isFixed ? "best fixed" : contestant!,
          chosen!,
          tokens.value.toFixed(0),
          isFixed ? "1" : ofBest.value.toFixed(3),
        ];
      });
    return [
      ...alignColumns([["batch", "", "setting", "tokens/s", "× best fixed"], ...rows]),
      "medians; the best fixed setting was measured anew beside the others, in turns",
    ];
  },
};

function isSame(one: Measurement, other: Measurement): boolean {
  return ["workload", "contestant"].every((name) => one.parameters[name] === other.parameters[name]);
}
