// Generation with keys and values in f16: the log-probabilities of float64 arithmetic that rounds them too, half the memory, and the
// same bits whatever pages, queues and mates are. What else must not change bits is in generation-bits.test.ts.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { Model } from "../../src/runtime/model.js";
import { describeWithSharedModel, readJson, repositoryFile } from "../helpers/data-files.js";
import { readOracle, tensorsOf } from "../helpers/oracles.js";
import { rejection } from "../helpers/rejection.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";
import { halfCacheRounded, halfCacheUnrounded } from "../helpers/tolerances.js";
import { decoderForward, type DecoderFile } from "../reference/decoder.js";
import { gpt2Forward } from "../reference/gpt2.js";
import { roundToHalf } from "../reference/half.js";
import { logSoftmax } from "../reference/log-softmax.js";

interface Case {
  readonly parts: ModelParts;
  readonly sentences: readonly number[][];
  /** Logits (T, V) in float64. */
  readonly forward: (ids: readonly number[], store: (value: number) => number) => Float64Array;
}

/** Texts of up to 12 tokens behind each sentence, with the log-probability of each token, all at once or one after another. */
async function write({ parts, sentences }: Case, options: LoadOptions, isTogether = true) {
  await using model = await Model.load(parts, options);
  const generate = async (prompt: readonly number[]) => {
    const maxTokens = Math.min(12, model.info.config.contextLength - prompt.length);
    const own = { temperature: 0, maxTokens, stopTokens: [], logProbabilities: true };
    const { tokens, logProbabilities } = await model.generate(prompt, own);
    return { prompt, tokens: [...tokens], logProbabilities: [...logProbabilities!] };
  };
  if (isTogether) return await Promise.all(sentences.map(generate));
  const texts: Awaited<ReturnType<typeof generate>>[] = [];
  for (const prompt of sentences) texts.push(await generate(prompt));
  return texts;
}

function testCase(load: () => Promise<Case>): void {
  it("gives the log-probabilities of float64 over rounded keys and values, with the same bits in any pages", async () => {
    const own = await load();
    const texts = await write(own, { cache: "f16", queues: 2, cachePageTokens: 4 });
    expect(await write(own, { cache: "f16", cachePageTokens: 28 }, false)).toEqual(texts);
    const errorOver = (store: (value: number) => number): number => {
      let largest = 0;
      for (const { prompt, tokens, logProbabilities } of texts) {
        const logits = own.forward([...prompt, ...tokens.slice(0, -1)], store);
        const V = logits.length / (prompt.length + tokens.length - 1);
        for (const [at, token] of tokens.entries()) {
          const row = prompt.length - 1 + at;
          const expected = logSoftmax(logits.subarray(row * V, (row + 1) * V), V)[token]!;
          largest = Math.max(largest, Math.abs(logProbabilities[at]! - expected));
        }
      }
      return largest;
    };
    const [rounded, whole] = [errorOver(roundToHalf), errorOver((value) => value)];
    console.info(
      `wrong by ${rounded.toExponential(1)}; by ${whole.toExponential(1)} of float64 without rounding`,
    );
    expect(rounded).toBeLessThan(halfCacheRounded);
    expect(whole).toBeLessThan(halfCacheUnrounded);
    // The rounding is there.
    expect(whole).toBeGreaterThan(rounded);
  });
}

describe.each(["qwen3", "gemma2", "gpt-neox"])("the small %s", (kind) => {
  testCase(() => decoderCase(repositoryFile(`test/fixtures/decoders/${kind}`)));
});

// Of its layers, some have rotary positions and some do not.
await describeWithSharedModel("tiny/smollm3", 1, (folder) => testCase(() => decoderCase(folder)));

async function decoderCase(folder: string): Promise<Case> {
  const { forms, sentences } = await readOracle(folder);
  const tensors = tensorsOf(forms[0].weights as Uint8Array<ArrayBuffer>);
  const file = (await readJson<DecoderFile>(`${folder}/config.json`))!;
  return {
    parts: forms[0],
    sentences: sentences.filter(({ length }) => length < 20).slice(0, 6),
    forward: (ids, store) => decoderForward(file, tensors, ids, store),
  };
}

/** Bytes that generating a short text leaves allocated. */
async function bytesOf(parts: ModelParts, cache: "f32" | "f16"): Promise<number> {
  await using model = await Model.load(parts, { cache });
  const before = model.memory()[0]!.bytes;
  await model.forward([[1, 2, 3]]);
  await model.generate([1, 2, 3], { maxTokens: 2 });
  expect(model.info.cache).toBe(cache);
  return model.memory()[0]!.bytes - before;
}

describe("a small GPT-2", () => {
  const tiny = makeTinyModel({ contextLength: 40, vocabulary: 31, channels: 24, heads: 3 });
  testCase(async () => ({
    parts: tiny.parts,
    sentences: makeSentences(2, 6, 30, 31),
    forward: (ids, store) => gpt2Forward(tiny.config, tiny.weights, ids, store).logits,
  }));

  it("takes half the memory for them", async () => {
    const [whole, half] = [await bytesOf(tiny.parts, "f32"), await bytesOf(tiny.parts, "f16")];
    // 40 tokens and a page more of 16, of 2 layers with keys and values of 24 numbers.
    const cache = 4 * 16 * 2 * 2 * 24 * 4;
    expect(whole - half).toBe(cache / 2);
  });

  it("gives forward and score the bits that they have without it", async () => {
    await using model = await Model.load(tiny.parts, { cache: "f16" });
    await using other = await Model.load(tiny.parts);
    const sentences = makeSentences(3, 5, 40, 31).slice(1);
    expect((await model.forward(sentences)).logits).toEqual((await other.forward(sentences)).logits);
    const scores = async (own: Model): Promise<unknown> =>
      (await own.score(sentences)).map(({ logProbabilities }) => logProbabilities);
    expect(await scores(model)).toEqual(await scores(other));
  });

  it("verifies the kernels that read it", async () => {
    await using model = await Model.load(tiny.parts, { cache: "f16", verify: true });
    expect(model.info.verification).toMatch(/attention, few rows.*: right/);
  });

  it("does not know other formats", async () => {
    const error = await rejection(Model.load(tiny.parts, { cache: "q8" as "f16" }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/^cache: expected one of f32, f16, received "q8"/);
  });
});

it("keeps keys and values beyond the largest half at that", async () => {
  const tiny = makeTinyModel({ contextLength: 40, vocabulary: 31, channels: 24, heads: 3 });
  // The bias of values of the first layer: far beyond what a half holds.
  const large = tiny.tensors.map((tensor) => {
    if (tensor.name !== "h.0.attn.c_attn.bias") return tensor;
    return {
      ...tensor,
      bytes: new Uint8Array(Float32Array.from({ length: 72 }, (_, at) => (at < 48 ? 0 : 1e5)).buffer),
    };
  });
  const weights = new Map(tiny.weights).set(
    "h.0.attn.c_attn.bias",
    Float32Array.from({ length: 72 }, (_, at) => (at < 48 ? 0 : 1e5)),
  );
  const own: Case = {
    parts: { ...tiny.parts, weights: writeSafetensors(large) },
    sentences: [[1, 2, 3, 4]],
    forward: (ids, store) => gpt2Forward(tiny.config, weights, ids, store).logits,
  };
  const [text] = await write(own, { cache: "f16" });
  expect(text!.logProbabilities.every(Number.isFinite)).toBe(true);
  const logits = own.forward([...text!.prompt, ...text!.tokens.slice(0, -1)], roundToHalf);
  for (const [at, token] of text!.tokens.entries()) {
    const row = text!.prompt.length - 1 + at;
    const expected = logSoftmax(logits.subarray(row * 31, (row + 1) * 31), 31)[token]!;
    expect(Math.abs(text!.logProbabilities[at]! - expected)).toBeLessThan(halfCacheRounded);
  }
});
