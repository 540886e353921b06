// Benchmark: embedding. The command's half: the texts, the float64 reference, and the table.
import { encoderForward } from "../../../../test/reference/encoder.js";
import { pool } from "../../../../test/reference/pooling.js";
import { SeededRandom } from "../../../util/seeded-random.js";
import { alignColumns } from "../../terminal/table.js";
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import { idsOf, makeEncoder, makeText, miniLm, tinyEncoder, type EncoderShape } from "../made-up/encoder.js";
import type { Plot } from "../plots.js";
import { stsLengths } from "../sts-lengths.js";
import type { EmbedBenchRequest } from "./page.js";

const seed = 20_257;

export const embedCase: BenchCase<EmbedBenchRequest> = {
  name: "embed",
  summary:
    "texts per second through an encoder with the shape of all-MiniLM-L6-v2: short ones, documents, a single one",
  prepare({ repeats, quick, peers }: CaseOptions): EmbedBenchRequest {
    const shape = quick ? tinyEncoder : miniLm;
    return {
      shape,
      seed,
      repeats,
      quick,
      checked: expectVectors(shape),
      workloads: [
        { name: "short texts", lengths: stsLengths(quick ? 16 : 1000) },
        { name: "documents", lengths: documentLengths(quick ? 2 : 200) },
      ],
      turnMs: quick ? 300 : 20_000,
      singles: quick ? 3 : 30,
      batches: quick ? [1, 4] : [1, 2, 4, 8, 16, 32, 64, 128],
      lengths: quick ? [8, 16] : [8, 16, 32, 64, 128, 256, 512],
      ...(peers === undefined ? {} : { peers }),
    };
  },
  describe({ measurements }: CaseResult): string[] {
    const find = (metric: string, own: Readonly<Record<string, unknown>>): Measurement | undefined =>
      measurements.find(
        (one) =>
          one.metric === metric && Object.entries(own).every(([key, value]) => one.parameters[key] === value),
      );
    const show = (metric: string, digits: number, own: Readonly<Record<string, unknown>>): string =>
      find(metric, own)?.value.toFixed(digits) ?? "";
    const runtimes = valuesOf(measurements, "firstCall", "runtime");
    const workloads = valuesOf(measurements, "texts", "workload");
    return [
      ...alignColumns([
        [
          "runtime",
          ...workloads.flatMap((name) => [`${name}/s`, "tokens/s", "weft's ×", "batch"]),
          "first call, ms",
          "one text, p50 / p95 ms",
        ],
        ...runtimes.map((runtime) => [
          runtime,
          ...workloads.flatMap((workload) => [
            show("texts", 1, { workload, runtime }),
            show("tokens", 0, { workload, runtime }),
            show("ratio", 1, { workload, runtime }),
            String(find("texts", { workload, runtime })!.parameters["batch"]),
          ]),
          show("firstCall", 0, { runtime }),
          `${show("single", 1, { runtime, quantile: 0.5 })} / ${show("single", 1, { runtime, quantile: 0.95 })}`,
        ]),
      ]),
      "medians over rounds in which they took turns; the first call is from nothing to the first vector",
      "",
      ...curves.flatMap(({ metric, title }) => [
        ...alignColumns([
          [title, "weft, texts/s"],
          ...measurements
            .filter((one) => one.metric === metric)
            .map(({ value, parameters }) => [String(parameters["x"]), value.toFixed(1)]),
        ]),
        "",
      ]),
    ];
  },
  plots: ({ measurements }: CaseResult): Plot[] =>
    curves.map(({ metric, title }) => ({
      kind: "line",
      title: `weft: texts/s against ${title}`,
      xName: title,
      yName: "texts/s",
      points: measurements
        .filter((one) => one.metric === metric)
        .map(({ value, parameters }) => {
          const { x, p10, p90 } = parameters as { x: number; p10: number; p90: number };
          return { x, y: value, low: p10, high: p90 };
        }),
    })),
};

const curves = [
  { metric: "byBatch", title: "texts of 12 tokens per call" },
  { metric: "byLength", title: "tokens per text, 16 per call" },
] as const;

/** Vectors of length 1, by the mean of the rows. */
function expectVectors(shape: EncoderShape): EmbedBenchRequest["checked"] {
  const { config, tensors } = makeEncoder(shape, seed);
  const weights = new Map([...tensors].map(([name, { values }]) => [name, values]));
  const random = new SeededRandom(seed + 3);
  return [9, 5].map((tokens) => {
    const text = makeText(shape, tokens, random);
    const mean = pool(encoderForward(config, weights, idsOf(text)), shape.channels, "mean");
    const norm = Math.hypot(...mean);
    return { text, vector: Array.from(mean, (value) => value / norm) };
  });
}

/** 128 to 512 tokens, evenly spread, the same in every run. */
function documentLengths(count: number): number[] {
  const random = new SeededRandom(seed + 4);
  return Array.from({ length: count }, () => 128 + Math.floor(random.uniform() * 385));
}

const valuesOf = (measurements: readonly Measurement[], metric: string, name: string): string[] => [
  ...new Set(
    measurements.filter((one) => one.metric === metric).map(({ parameters }) => parameters[name] as string),
  ),
];
