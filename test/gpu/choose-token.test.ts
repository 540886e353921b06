// Choosing tokens on real execution, against float64 distributions and the same random numbers.
import { describe, expect, it } from "vitest";
import {
  IN_PROMPT,
  NO_TOKEN,
  OPTION_WORDS,
  type ChooseTokenKernel,
} from "../../src/kernels/sampling/choose-token.js";
import { chooseTokenKernels } from "../../src/kernels/registry.js";
import { choicePartialBytes } from "../../src/layers/sampling.js";
import {
  checkSampling,
  hasPenalties,
  writeOptionWords,
  type SamplingOptions,
} from "../../src/runtime/generate/sampling.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, runStages, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats, SeededRandom } from "../helpers/random.js";
import { float32Elementwise, float32Reduction } from "../helpers/tolerances.js";
import {
  drawToken,
  penalisedLogits,
  tokenDistribution,
  uniformOf,
  type ChoiceReference,
} from "../reference/choose-token.js";
import { logProbabilityForward } from "../reference/log-softmax.js";

const V = 61;
/** Draws per case: rows of one dispatch, each with a seed of its own. Workgroups are slow on software adapters. */
const rowsOf = (kernel: ChooseTokenKernel): number => (kernel === chooseTokenKernels[0] ? 2048 : 256);
const prompt = [3, 5, 5, 8];
const generated = [1, 1, 1, 8, 13];

const queue = useTestQueue();

interface Drawn {
  readonly tokens: readonly number[];
  readonly logProbabilities: Float32Array;
  readonly counts: Uint32Array;
}

/** Draws once per row from the same logits; fails where the first kernel draws otherwise. */
async function choose(
  kernel: ChooseTokenKernel,
  logits: Float32Array,
  options: SamplingOptions,
  rows: number,
  firstSeed = 0,
  choosable = 0,
  allowed?: ReadonlySet<number>,
): Promise<Drawn> {
  const vocabulary = logits.length;
  const sampling = checkSampling({ ...options, logProbabilities: true }, {}, vocabulary);
  const firstAllowed = rows * OPTION_WORDS;
  const words = new Uint32Array(firstAllowed + (allowed ? Math.ceil(vocabulary / 32) : 0));
  for (const token of allowed ?? []) words[firstAllowed + (token >> 5)]! |= 1 << (token & 31);
  const usesCounts = hasPenalties(sampling);
  for (let row = 0; row < rows; row++)
    writeOptionWords(
      words,
      row * OPTION_WORDS,
      { ...sampling, seed: seedOf(firstSeed + row) },
      {
        sequence: row,
        countRow: usesCounts ? 0 : undefined,
        biasRow: sampling.logitBias.size > 0 ? 1 : undefined,
        position: row % 7,
        choosable,
        firstAllowed: allowed ? firstAllowed : 0,
      },
    );
  const stride = pad4(vocabulary);
  const all = new Float32Array(rows * stride);
  for (let row = 0; row < rows; row++) all.set(logits, row * stride);
  const bias = new Float32Array(2 * vocabulary);
  for (const [token, value] of sampling.logitBias) bias[vocabulary + token] = value;
  const counts = new Uint32Array(vocabulary);
  for (const token of prompt) counts[token]! |= IN_PROMPT;
  for (const token of generated) counts[token]!++;
  const run = async (own: ChooseTokenKernel): Promise<readonly Uint32Array[]> => {
    const outputs = await runStages(
      queue(),
      own.stages,
      {
        options: words,
        bias,
        logits: all,
        weights: new Float32Array(all.length),
        partials: new Uint32Array((rows * choicePartialBytes(vocabulary)) / 4),
        // Rows of one dispatch that share counts would see each other's choice: each case with penalties has one row.
        counts,
        sampled: new Uint32Array(rows),
        chosen: new Uint32Array(2 * rows),
      },
      { rowCount: rows, vocabulary, rowStride: stride, firstOption: 0 },
      ["chosen", "sampled", "counts"],
    );
    return [outputs.chosen, outputs.sampled, outputs.counts].map(
      (bits) => new Uint32Array(bits.buffer, bits.byteOffset, bits.length),
    );
  };
  const outputs = await run(kernel);
  if (kernel !== chooseTokenKernels[0])
    expect(outputs, "what the first kernel chooses").toEqual(await run(chooseTokenKernels[0]));
  const [chosen, sampled, countsAfter] = outputs as [Uint32Array, Uint32Array, Uint32Array];
  const tokens = Array.from({ length: rows }, (_, row) => chosen[2 * row]!);
  // The next step looks up what was sampled, so it must be a token.
  expect([...sampled]).toEqual(tokens.map((token) => (token === NO_TOKEN ? 0 : token)));
  return {
    tokens,
    logProbabilities: new Float32Array(chosen.slice().buffer).filter((_, index) => index % 2 === 1),
    counts: countsAfter,
  };
}

/** Seeds over the whole range of safe integers. */
function seedOf(index: number): number {
  return index * 4_398_046_511_103 + index;
}

/** Pearson's statistic against a limit that the right distribution exceeds once in a million cases. */
function expectDistribution(tokens: readonly number[], distribution: readonly number[]): void {
  const seen = Array.from({ length: V }, () => 0);
  for (const token of tokens) seen[token]!++;
  let statistic = 0;
  let cells = 0;
  let rest = { seen: 0, expected: 0 };
  for (const [token, probability] of distribution.entries()) {
    const expected = probability * tokens.length;
    if (expected === 0) expect(seen[token], `token ${token} is not to be drawn`).toBe(0);
    // Cells that expect few are counted as one.
    else if (expected < 5) rest = { seen: rest.seen + seen[token]!, expected: rest.expected + expected };
    else {
      statistic += (seen[token]! - expected) ** 2 / expected;
      cells++;
    }
  }
  if (rest.expected > 0) {
    statistic += (rest.seen - rest.expected) ** 2 / rest.expected;
    cells++;
  }
  // Wilson and Hilferty's approximation of the quantile of chi-squared; 4.75 deviations are one in a million.
  const degrees = Math.max(1, cells - 1);
  const limit = degrees * (1 - 2 / (9 * degrees) + 4.75 * Math.sqrt(2 / (9 * degrees))) ** 3;
  expect(statistic).toBeLessThan(limit);
}

const cases: readonly (SamplingOptions & { readonly temperature: number })[] = [
  { temperature: 1 },
  { temperature: 0.5 },
  { temperature: 3 },
  { temperature: 1, topK: 1 },
  { temperature: 1, topK: 5 },
  { temperature: 2, topK: 60 },
  { temperature: 1, topP: 0.9 },
  { temperature: 1, topP: 0.05 },
  { temperature: 2, topP: 0.5 },
  { temperature: 1, minP: 0.1 },
  { temperature: 1, minP: 1 },
  { temperature: 1, logitBias: { 4: 5, 7: -100 } },
  { temperature: 0.8, topK: 20, topP: 0.8, minP: 0.02, logitBias: { 2: 3 } },
];

describe.each(chooseTokenKernels)("choosing tokens, $name", (kernel) => {
  const ROWS = rowsOf(kernel);
  const logits = randomFloats(3, V, 1.5);

  it.each(cases)("draws from the float64 distribution: %o", async (options) => {
    const { tokens, logProbabilities } = await choose(kernel, logits, options, ROWS);
    const bias = new Map(Object.entries(options.logitBias ?? {}).map(([key, value]) => [Number(key), value]));
    const distribution = tokenDistribution({ ...options, bias, logits });
    expectDistribution(tokens, distribution);
    // With the same random numbers even the same tokens, but for the few that fall on a boundary within rounding.
    const expected = tokens.map((_, row) => drawToken(distribution, uniformOf(seedOf(row), row % 7)));
    expect(tokens.filter((token, row) => token !== expected[row]).length).toBeLessThanOrEqual(2);
    expectClose(
      logProbabilities,
      logProbabilityForward({ logits: repeat(logits, ROWS), targets: tokens, V }),
      float32Elementwise,
    );
  });

  it("takes the likeliest token at temperature 0, the lower id among equals", async () => {
    const tied = Float32Array.from({ length: V }, (_, token) => (token === 9 || token === 40 ? 3 : 0));
    expect((await choose(kernel, tied, { temperature: 0 }, 3)).tokens).toEqual([9, 9, 9]);
    expect((await choose(kernel, logits, { temperature: 0 }, 1)).tokens[0]).toBe(
      logits.reduce((best, value, token) => (value > logits[best]! ? token : best), 0),
    );
  });

  it("takes none of the ids from a given one on", async () => {
    const own = randomFloats(7, V);
    own[V - 1] = 50;
    const likeliest = own.subarray(0, 40).indexOf(Math.max(...own.subarray(0, 40)));
    expect((await choose(kernel, own, { temperature: 0 }, 3, 0, 40)).tokens).toEqual([
      likeliest,
      likeliest,
      likeliest,
    ]);
    const { tokens } = await choose(kernel, own, { temperature: 30 }, 200, 0, 40);
    expect(Math.max(...tokens)).toBeLessThan(40);
  });

  it("takes only tokens that are allowed, with the log-probabilities of the model", async () => {
    const allowed = new Set([2, 31, 32, 33, 60]);
    for (const options of [
      { temperature: 1 },
      { temperature: 3, topK: 3 },
      { temperature: 2, topP: 0.8 },
      { temperature: 0 },
    ]) {
      const { tokens, logProbabilities } = await choose(kernel, logits, options, ROWS, 0, 0, allowed);
      expectDistribution(tokens, tokenDistribution({ ...options, logits, allowed }));
      const plain = logProbabilityForward({ logits: repeat(logits, ROWS), targets: tokens, V });
      expectClose(logProbabilities, plain, float32Elementwise);
    }
    // None of those that are beyond the tokenizer.
    const { tokens } = await choose(kernel, logits, { temperature: 30 }, 64, 0, 33, allowed);
    expect(Math.max(...tokens)).toBe(32);
  });

  it("keeps the lower ids where equal ones exceed top-k or top-p", async () => {
    const flat = new Float32Array(V);
    expect(new Set((await choose(kernel, flat, { topK: 3 }, ROWS)).tokens)).toEqual(new Set([0, 1, 2]));
    expect(new Set((await choose(kernel, flat, { topP: 4.5 / V }, ROWS)).tokens)).toEqual(
      new Set([0, 1, 2, 3, 4]),
    );
  });

  it("applies each penalty exactly, and all together", async () => {
    const penalties: SamplingOptions[] = [
      { repetitionPenalty: 1.7 },
      { frequencyPenalty: 0.6 },
      { presencePenalty: 0.9 },
      { frequencyPenalty: -0.5 },
      { repetitionPenalty: 1.3, frequencyPenalty: 0.2, presencePenalty: 0.4, logitBias: { 1: 2, 5: -1 } },
    ];
    const random = new SeededRandom(2);
    for (const options of penalties)
      for (let round = 0; round < 12; round++) {
        const own = randomFloats(random.integer(1e6), V, 1);
        // The tokens that penalties touch lead, so that they decide.
        for (const token of [...prompt, ...generated]) own[token]! += 2;
        const bias = new Map(
          Object.entries(options.logitBias ?? {}).map(([key, value]) => [Number(key), value]),
        );
        const reference: ChoiceReference = {
          ...options,
          logits: own,
          temperature: 0,
          bias,
          prompt,
          generated,
        };
        const penalised = penalisedLogits(reference);
        const best = penalised.reduce((top, value, token) => (value > penalised[top]! ? token : top), 0);
        const { tokens, counts } = await choose(kernel, own, { ...options, temperature: 0 }, 1);
        expect(tokens).toEqual([best]);
        const times = generated.filter((token) => token === best).length;
        const isCounted = Object.keys(options).some((name) => name !== "logitBias");
        expect(counts[best]! & ~IN_PROMPT).toBe(times + (isCounted ? 1 : 0));
      }
  });

  it.each([63, 64, 65, 1000, 1024, 4099])("draws from %i tokens as float64 does", async (vocabulary) => {
    const own = randomFloats(vocabulary, vocabulary, 3);
    for (const options of [
      { temperature: 1 },
      { temperature: 2, topK: 40 },
      { temperature: 1.5, topP: 0.9, minP: 0.001 },
    ]) {
      const { tokens, logProbabilities } = await choose(kernel, own, options, 48);
      const distribution = tokenDistribution({ ...options, logits: own });
      const expected = tokens.map((_, row) => drawToken(distribution, uniformOf(seedOf(row), row % 7)));
      expect(tokens.filter((token, row) => token !== expected[row]).length).toBeLessThanOrEqual(1);
      expectClose(
        logProbabilities,
        logProbabilityForward({ logits: repeat(own, 48), targets: tokens, V: vocabulary }),
        float32Reduction(vocabulary),
      );
    }
  });

  it("chooses none where a logit is no finite number, and goes on with the other rows", async () => {
    for (const wrong of [NaN, Infinity, -Infinity]) {
      const own = randomFloats(5, 1500, 2);
      own[1400] = wrong;
      for (const temperature of [0, 1])
        expect((await choose(kernel, own, { temperature }, 2)).tokens).toEqual([NO_TOKEN, NO_TOKEN]);
    }
  });

  it("gives the same token for a seed and position, whatever row it is in", async () => {
    const many = await choose(kernel, logits, { temperature: 1 }, 28);
    for (const row of [7, 14, 21]) {
      const alone = await choose(kernel, logits, { temperature: 1 }, 1, row);
      expect(alone.tokens[0]).toBe(many.tokens[row]);
    }
  });
});

function repeat(values: Float32Array, times: number): Float32Array {
  const result = new Float32Array(values.length * times);
  for (let time = 0; time < times; time++) result.set(values, time * values.length);
  return result;
}
