// A tiny model with a tokenizer, for tests of generation. It is fast and writes random text.
import { expect } from "vitest";
import type { Generation, GenerationHandle } from "../../src/runtime/generate/handle.js";
import type { GenerateOptions } from "../../src/runtime/generate/generator.js";
import type { Model } from "../../src/runtime/model.js";
import type { ModelParts } from "../../src/files/source.js";
import { SeededRandom } from "./random.js";
import { makeTinyModel, type TinyModelOptions } from "./tiny-model.js";

export const writerVocabulary = 37;
export const writerContext = 70;

/** One token per character; the last one is special. */
const characters = ["abcdefghijklmnopqrstuvwxyz012345678".split(""), "Ġ"].flat();
const writerEndToken = characters.length;

/** Byte-level BPE without merges. */
const tokenizer = {
  version: "1.0",
  added_tokens: [
    {
      id: writerEndToken,
      content: "<end>",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    vocab: Object.fromEntries(characters.map((character, id) => [character, id])),
    merges: [],
  },
};

/** The files of a model that writes characters at random, without an end token unless told. */
export function makeWriter(options: TinyModelOptions = {}, others: Partial<ModelParts> = {}): ModelParts {
  const { parts } = makeTinyModel({
    contextLength: writerContext,
    vocabulary: writerVocabulary,
    channels: 16,
    heads: 2,
    hidden: 24,
    ...options,
  });
  return { ...parts, tokenizer, ...others };
}

export interface WriterRequest {
  readonly prompt: readonly number[];
  readonly options: GenerateOptions;
}

/** A request with random options. Prompts come in a few kinds that begin alike. */
export function makeRequest(random: SeededRandom, longestPrompt: number, mostTokens: number): WriterRequest {
  const family = random.integer(3);
  const prompt = Array.from(
    { length: 1 + random.integer(longestPrompt) },
    (_, index) => (index * 7 + family) % writerVocabulary,
  );
  const maybe = <O extends object>(options: O): O | object => (random.integer(3) === 0 ? options : {});
  const token = (): number => random.integer(writerVocabulary);
  const options: GenerateOptions = {
    seed: random.integer(2 ** 31) * (1 + random.integer(2) * 2 ** 21),
    temperature: [0, 0.6, 1, 1.7][random.integer(4)]!,
    maxTokens: 1 + random.integer(mostTokens),
    logProbabilities: true,
    priority: random.integer(3) - 1,
    ...maybe({ topK: 1 + random.integer(20) }),
    ...maybe({ topP: 0.3 + 0.7 * random.uniform() }),
    ...maybe({ minP: 0.3 * random.uniform() }),
    ...maybe({ repetitionPenalty: 1 + random.uniform() }),
    ...maybe({ frequencyPenalty: random.uniform() - 0.3 }),
    ...maybe({ presencePenalty: random.uniform() - 0.3 }),
    ...maybe({ logitBias: { [token()]: 3, [token()]: -5 } }),
    ...maybe({ stopTokens: [token(), token()] }),
    ...maybe({ stop: [characters[token() % 35]! + characters[token() % 35]!, characters[token() % 35]!] }),
  };
  return { prompt, options };
}

/** The parts of a result that must not depend on anything else that runs. */
function outcomeOf({ text, tokens, logProbabilities, finishReason, usage }: Generation): object {
  return { text, tokens, logProbabilities: bitsOf(logProbabilities ?? []), finishReason, usage };
}

/** Fails unless `own` equals `alone`. If it was cancelled, it has to be a beginning of `alone`. */
export function expectSameAsAlone(own: Generation, alone: Generation, label: string): void {
  if (own.finishReason !== "abort") {
    expect(outcomeOf(own), label).toEqual(outcomeOf(alone));
    return;
  }
  const count = own.tokens.length;
  expect(own.tokens, label).toEqual(alone.tokens.slice(0, count));
  expect(bitsOf(own.logProbabilities!), label).toEqual(bitsOf(alone.logProbabilities!.slice(0, count)));
  expect(own.usage.completionTokens, label).toBe(count);
}

/** Fails unless nothing runs and every page is free. */
export function expectIdle(model: Model): void {
  const { running, waiting, freePages, cachePages } = model.stats();
  expect({ running, waiting, freePages }).toEqual({ running: 0, waiting: 0, freePages: cachePages });
}

export async function readAll(handle: GenerationHandle): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of handle) pieces.push(piece);
  return pieces;
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function bitsOf(values: readonly number[]): Uint32Array {
  return new Uint32Array(Float32Array.from(values).buffer);
}
