// Benchmark: formats of weights. The half that measures: bits first, then times, with all formats of a shape in turns.
import { Model, type ModelParts } from "../../../index.js";
import { count } from "../../../jobs/words.js";
import { timed, timeInTurns } from "../../../util/take-turns.js";
import type { CaseResult, Measurement, Report } from "../case.js";
import { makeSentences, toSafetensors } from "../peers/synthetic-model.js";
import { spreadOf } from "../statistics.js";
import { bandwidths, boundFormula, boundTokens, bytesOfAll } from "./bound.js";
import { writeGguf, type BlockName } from "../made-up/gguf-writer.js";
import { countWeights, makeDecoder, type DecoderShape } from "../made-up/decoder.js";

/** Formats that `Model.load` makes of float32, and those of files. */
export type FormatName = "f32" | "f16" | "q8" | "q4" | BlockName;

export interface ShapeRequest {
  readonly shape: DecoderShape;
  /** The first is what all others are compared with. */
  readonly formats: readonly ["f32", ...FormatName[]];
  /** A sentence, and the logits of the float64 reference after its last token, in float32 weights. */
  readonly sentence: readonly number[];
  readonly logits: readonly number[];
}

export interface FormatsRequest {
  readonly shapes: readonly ShapeRequest[];
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** Texts that are written at once, and the tokens of each. */
  readonly decodes: readonly { readonly requests: number; readonly tokens: number }[];
  readonly promptTokens: number;
}

interface Contestant {
  readonly format: FormatName;
  readonly model: Model;
}

/** float32 through the model's reductions against float64, as |a − b| ≤ limit · (1 + |b|). */
const logitsLimit = 1e-4;

/** Texts of the check: one row, few rows and many rows take different kernels. */
const checkedLengths = [1, 5, 24];
const CHECKED_TOKENS = 3;

export async function runFormats(request: FormatsRequest, report: Report): Promise<CaseResult> {
  const checks: string[] = [];
  const measurements: Measurement[] = [];
  let adapter: CaseResult["adapter"] | undefined;
  for (const own of request.shapes) {
    const contestants: Contestant[] = [];
    try {
      for (const format of own.formats) {
        report(`Loading ${format} of ${own.shape.name}`);
        contestants.push({ format, model: await load(own.shape, format, request.seed) });
      }
      adapter = contestants[0]!.model.info.adapter;
      checks.push(await checkFloat64(contestants[0]!.model, own));
      for (const contestant of contestants.slice(1)) {
        report(`Checking ${contestant.format} of ${own.shape.name}`);
        await checkBits(contestant, own.shape, request.seed);
      }
      checks.push(
        `${own.shape.name}: ${own.formats.slice(1).join(", ")} give the bits of float32 with the same values, ` +
          `in logits of ${checkedLengths.join(", ")} tokens and in greedy texts of ${checkedLengths.length} requests`,
      );
      measurements.push(...(await measureShape(contestants, own, request, report)));
    } finally {
      for (const { model } of contestants) model.dispose();
    }
  }
  return { adapter: adapter!, checks, measurements };
}

function load(shape: DecoderShape, format: FormatName, seed: number): Promise<Model> {
  if (format === "f32" || format === "f16" || format === "q8" || format === "q4") {
    const { config, tensors } = makeDecoder(shape, seed);
    return Model.load({ config, weights: toSafetensors({ tensors }) }, { queues: 1, weights: format });
  }
  return Model.load(new Blob([writeGguf(shape, format, seed)]), { queues: 1 });
}

/** @throws when the logits in float32 are not those of the float64 reference. */
async function checkFloat64(model: Model, { shape, sentence, logits }: ShapeRequest): Promise<string> {
  const [received] = (await model.forward([sentence])).logits;
  let worst = 0;
  for (const [index, value] of logits.entries()) {
    const difference = Math.abs(received![index]! - value) / (1 + Math.abs(value));
    // Negated, so that NaN fails.
    if (!(difference <= logitsLimit))
      throw new Error(
        `the results are wrong, nothing was measured: ${shape.name} in float32, logit ${index} is ` +
          `${received![index]}, expected ${value} within ${logitsLimit}`,
      );
    worst = Math.max(worst, difference);
  }
  return (
    `${shape.name}: logits after ${count(sentence.length, "token")} in float32 differ from float64 by at most ` +
    `${worst.toExponential(1)} (limit ${logitsLimit})`
  );
}

/** @throws when a format does not give the bits of float32 with the values that it stands for. */
async function checkBits({ format, model }: Contestant, shape: DecoderShape, seed: number): Promise<void> {
  const saved: ModelParts = await model.save();
  using plain = await Model.load(saved, { queues: 1, weights: "f32" });
  const sentences = makeSentences(checkedLengths, shape.vocabulary, seed + 1);
  const [own, expected] = [await model.forward(sentences), await plain.forward(sentences)];
  for (const [index, logits] of own.logits.entries())
    for (const [at, value] of logits.entries())
      if (!Object.is(value, expected.logits[index]![at]))
        throw new Error(
          `the results are wrong, nothing was measured: ${shape.name} in ${format}, logit ${at} after ` +
            `${count(checkedLengths[index]!, "token")} is ${value}, in float32 ${expected.logits[index]![at]}`,
        );
  const write = (of: Model): Promise<string[]> =>
    Promise.all(
      sentences.map(async (prompt) => {
        const options = { temperature: 0, maxTokens: CHECKED_TOKENS, stopTokens: [] };
        return (await of.generate(prompt, options)).tokens.join(" ");
      }),
    );
  const [texts, same] = [await write(model), await write(plain)];
  for (const [index, text] of texts.entries())
    if (text !== same[index])
      throw new Error(
        `the results are wrong, nothing was measured: ${shape.name} in ${format} writes the tokens ${text}, ` +
          `in float32 ${same[index]}`,
      );
}

async function measureShape(
  contestants: readonly Contestant[],
  { shape, formats }: ShapeRequest,
  { decodes, promptTokens, repeats, quick, seed }: FormatsRequest,
  report: Report,
): Promise<Measurement[]> {
  let prompts = 0;
  const prompt = (length: number): number[] =>
    makeSentences([length], shape.vocabulary, seed + 7919 * ++prompts)[0]!;
  const write = (model: Model, length: number, maxTokens: number): Promise<unknown> =>
    model.generate(prompt(length), { temperature: 0, maxTokens, stopTokens: [] }).then(() => undefined);
  const phases = [
    ...decodes.map(({ requests, tokens }) => ({
      phase: "decode",
      requests,
      tokens: requests * tokens,
      // Prompts of one token: every row of every step is one of decoding.
      act: (model: Model) => Promise.all(Array.from({ length: requests }, () => write(model, 1, tokens))),
    })),
    {
      phase: "prefill",
      requests: 1,
      tokens: promptTokens,
      act: (model: Model) => write(model, promptTokens, 1),
    },
  ];
  const measurements: Measurement[] = [];
  for (const { phase, requests, tokens, act } of phases) {
    const acts = contestants.map(
      ({ model }) =>
        () =>
          act(model),
    );
    report(`Warming up ${phase} of ${shape.name}`);
    for (const own of acts) await timed(own);
    const times = await timeInTurns(acts, repeats, (part) =>
      report(`Measuring ${phase} of ${count(requests, "request")} of ${shape.name}`, part),
    );
    for (const [index, format] of formats.entries()) {
      const parameters = { shape, format, phase, requests, tokens, repeats, quick, seed, queues: 1 };
      const measured = (metric: string, unit: string, values: readonly number[]): Measurement => {
        const { median, p10, p90 } = spreadOf(values);
        return { metric, value: median, unit, parameters: { ...parameters, p10, p90 } };
      };
      const own = times[index]!;
      measurements.push(
        measured(
          "tokens",
          "tokens/s",
          own.map((ms) => (1000 * tokens) / ms),
        ),
        measured(
          "ofFloat32",
          "× of f32",
          own.map((ms, repeat) => times[0]![repeat]! / ms),
        ),
      );
    }
  }
  return [...measurements, ...contestants.flatMap((own) => bytesOf(own, shape))];
}

/** Bytes on the GPU, and what they allow: computed for all layers, not measured. */
function bytesOf({ format, model }: Contestant, shape: DecoderShape): Measurement[] {
  const { weightBytes } = model.info;
  const [weights, all] = [shape.layers, shape.allLayers].map((layers) => countWeights(shape, layers));
  const allBytes = bytesOfAll(weightBytes, weights!, all!);
  const parameters = { shape, format };
  return [
    { metric: "weightBytes", value: weightBytes, unit: "bytes", parameters: { ...parameters, weights } },
    {
      metric: "allWeightBytes",
      value: allBytes,
      unit: "bytes, computed",
      parameters: { ...parameters, weights: all, formula: "weightBytes · all weights / weights measured" },
    },
    ...bandwidths.map((gigabytesPerSecond) => ({
      metric: "boundTokens",
      value: boundTokens(allBytes, gigabytesPerSecond),
      unit: "tokens/s at most, computed",
      parameters: { ...parameters, gigabytesPerSecond, formula: boundFormula },
    })),
  ];
}
