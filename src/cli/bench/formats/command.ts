// Benchmark: formats of weights. The command's half: shapes, the float64 reference, and the table.
import { decoderForward } from "../../../../test/reference/decoder.js";
import type { BenchCase, CaseOptions, CaseResult, Measurement } from "../case.js";
import { makeSentences } from "../peers/synthetic-model.js";
import type { Plot } from "../plots.js";
import { alignColumns } from "../../terminal/table.js";
import { bandwidths } from "./bound.js";
import type { FormatsRequest, ShapeRequest } from "./page.js";
import { makeDecoder, smol, tinyShape, wider, type DecoderShape } from "../made-up/decoder.js";

const seed = 20_254;

/** Shapes with their formats, and what is left of them for --quick. */
const contests: readonly Readonly<
  Record<"whole" | "quick", readonly [DecoderShape, ShapeRequest["formats"]]>
>[] = [
  {
    whole: [smol, ["f32", "f16", "q8", "q4", "Q4_1", "Q5_0"]],
    quick: [tinyShape(smol), ["f32", "q4", "Q4_1"]],
  },
  { whole: [wider, ["f32", "Q4_K", "Q6_K"]], quick: [tinyShape(wider), ["f32", "Q4_K"]] },
];

/** What a table's column is about: a phase and its number of requests. */
interface Column {
  readonly phase: string;
  readonly requests: number;
}

export const formatsCase: BenchCase<FormatsRequest> = {
  name: "formats",
  summary: "decoding and prompts with weights in 4 to 32 bits, at the widths of SmolLM2-135M",
  prepare({ repeats, quick }: CaseOptions): FormatsRequest {
    return {
      shapes: contests.map((contest) => {
        const [shape, formats] = quick ? contest.quick : contest.whole;
        return { shape, formats, ...expectLogits(shape) };
      }),
      seed,
      repeats,
      quick,
      decodes: [
        { requests: 1, tokens: quick ? 3 : 8 },
        { requests: 16, tokens: quick ? 2 : 4 },
      ],
      promptTokens: quick ? 20 : 64,
    };
  },
  describe({ measurements }: CaseResult): string[] {
    return shapesOf(measurements).flatMap((shape, index) => [
      ...(index === 0 ? [] : [""]),
      describeShape(shape),
      ...describeFormats(measurements.filter((own) => shapeOf(own).name === shape.name)),
    ]);
  },
  plots({ measurements }: CaseResult): Plot[] {
    return shapesOf(measurements).flatMap((shape) => {
      const own = measurements.filter((one) => shapeOf(one).name === shape.name);
      return columnsOf(own).map((column) => ({
        kind: "bars" as const,
        title: `${shape.name}: ${titleOf(column)}`,
        bars: own
          .filter((one) => one.metric === "tokens" && isIn(one, column))
          .map(({ value, parameters }) => ({
            name: parameters["format"] as string,
            value,
            note: `${value.toFixed(1)} tokens/s`,
          })),
      }));
    });
  },
};

function expectLogits(shape: DecoderShape): Pick<ShapeRequest, "sentence" | "logits"> {
  const { config, tensors } = makeDecoder(shape, seed);
  const weights = new Map([...tensors].map(([name, { values }]) => [name, values]));
  const sentence = makeSentences([4], shape.vocabulary, seed)[0]!;
  const logits = decoderForward(config, weights, sentence);
  return { sentence, logits: Array.from(logits.subarray(-shape.vocabulary)) };
}

function describeShape({
  name,
  layers,
  allLayers,
  channels,
  hidden,
  heads,
  keyValueHeads,
  vocabulary,
}: DecoderShape): string {
  return (
    `${name}: ${layers} of ${allLayers} layers, C = ${channels}, F = ${hidden}, ${heads} heads sharing keys of ` +
    `${keyValueHeads}, V = ${vocabulary}, made-up weights`
  );
}

function describeFormats(own: readonly Measurement[]): string[] {
  const columns = columnsOf(own);
  const formats = [...new Set(own.map(({ parameters }) => parameters["format"] as string))];
  const find = (metric: string, format: string, isWanted?: (one: Measurement) => boolean): number =>
    own.find(
      (one) => one.metric === metric && one.parameters["format"] === format && isWanted?.(one) !== false,
    )!.value;
  const speeds = formats.map((format) => [
    format,
    ...columns.flatMap((column) => {
      const show = (metric: string, digits: number): string =>
        find(metric, format, (one) => isIn(one, column)).toFixed(digits);
      return [show("tokens", 1), show("ofFloat32", 2)];
    }),
  ]);
  const bytes = formats.map((format) => [
    format,
    megabytes(find("weightBytes", format)),
    megabytes(find("allWeightBytes", format)),
    ...bandwidths.map((bandwidth) =>
      find("boundTokens", format, (one) => one.parameters["gigabytesPerSecond"] === bandwidth).toFixed(0),
    ),
  ]);
  return [
    ...alignColumns([
      ["weights", ...columns.flatMap((column) => [`${titleOf(column)}, tokens/s`, "× f32"])],
      ...speeds,
    ]),
    "medians; × f32 is the median over rounds in which the formats took turns",
    ...alignColumns([
      ["weights", "MB on the GPU", "all layers", ...bandwidths.map((bandwidth) => `${bandwidth} GB/s`)],
      ...bytes,
    ]),
    "all layers, and the most tokens/s of one text that the bytes allow at so many GB/s: computed, not measured",
  ];
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

const shapeOf = ({ parameters }: Measurement): DecoderShape => parameters["shape"] as DecoderShape;

function shapesOf(measurements: readonly Measurement[]): readonly DecoderShape[] {
  return [...new Map(measurements.map((own) => [shapeOf(own).name, shapeOf(own)])).values()];
}

function columnsOf(own: readonly Measurement[]): readonly Column[] {
  const first = own.filter(({ metric, parameters }) => metric === "tokens" && parameters["format"] === "f32");
  return first.map(({ parameters: { phase, requests } }) => ({ phase, requests }) as Column);
}

const isIn = ({ parameters }: Measurement, { phase, requests }: Column): boolean =>
  parameters["phase"] === phase && parameters["requests"] === requests;

const titleOf = ({ phase, requests }: Column): string =>
  phase === "prefill" ? "prompt" : `${requests} at once`;
