// Calls about texts on real execution, from files that lie in the repository: labels of tokens with their places, hidden tokens,
// answers to choose from, vectors that come one by one; and what becomes of bad texts and of calls that are cancelled.
import { describe, expect, it } from "vitest";
import { ArgumentError, CancelledError } from "../../src/errors.js";
import { parseHeader, type StoredTensor } from "../../src/files/safetensors.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";
import { pooledHead } from "../../src/model/row-head.js";
import { disposeLoaded } from "../../src/runtime/load/loaded-model.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import { Model } from "../../src/runtime/model.js";
import { runForwardPass } from "../../src/runtime/passes/forward-pass.js";
import { measureTrace } from "../../src/trace/metrics.js";
import { validateTrace } from "../../src/trace/validate.js";
import { readBytes, readJson, repositoryFile } from "../helpers/data-files.js";
import { SeededRandom } from "../helpers/random.js";
import { rejection } from "../helpers/rejection.js";
import { encoderRows, headLogits } from "../helpers/tolerances.js";

const folder = repositoryFile("test/fixtures/encoders/bert-cross-encoder");
const C = 48;

/** Texts that differ in words that the tokenizer knows. */
const textOf = (index: number): string =>
  `the sea is ${Array.from(String(index), (digit) => "abcdefghij"[Number(digit)]).join(" ")}`;

it("decides and then generates, tells what was cut, and skips no tokens of ids for a prompt", async () => {
  await using writer = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"), { queues: 1 });
  const alone = await writer.generate("The dog", { temperature: 0, maxTokens: 3 });
  await writer.decide("The dog was", [{ answers: [" sad", " happy"] }]);
  const later = writer.generate("The dog", { temperature: 0, maxTokens: 3 });
  expect(later.id).toBe(2);
  expect((await later).tokens).toEqual(alone.tokens);

  await using cross = await Model.load(folder, { queues: 1 });
  const long = Array.from({ length: 400 }, (_, index) => textOf(index)).join(" ");
  const ranked = await cross.rerank("the sea", ["the dog", long]);
  expect(ranked.find(({ index }) => index === 1)).toMatchObject({ isCut: true });
  expect(ranked.find(({ index }) => index === 0)).not.toHaveProperty("isCut");
  await expect(cross.rerank("the sea", [long], { tooLong: "refuse" })).rejects.toThrow(
    /documents\[0\]: expected at most/,
  );
});

interface ExpectedPairs {
  readonly pairs: readonly (readonly [string, string])[];
  readonly scores: readonly number[];
}

/** The encoder of the folder with a head of another kind, whose weights are random. */
async function withHead(
  architecture: string,
  more: object,
  head: Readonly<Record<string, readonly number[]>>,
): Promise<{ readonly parts: ModelParts; readonly weights: ReadonlyMap<string, Float32Array> }> {
  const config = (await readJson<object>(`${folder}/config.json`))!;
  const file = await readBytes(`${folder}/model.safetensors`);
  const { tensors, dataOffset } = parseHeader(file, "model");
  const kept = [...tensors].filter(([name]) => !name.startsWith("classifier"));
  const random = new SeededRandom(5);
  const weights = new Map<string, Float32Array<ArrayBuffer>>(
    Object.entries(head).map(([name, shape]) => [
      name,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal() / 4),
    ]),
  );
  const all: StoredTensor[] = [
    ...kept.map(([name, { dtype, shape, begin, end }]) => ({
      name,
      dtype,
      shape,
      bytes: file.slice(dataOffset + begin, dataOffset + end),
    })),
    ...[...weights].map(([name, values]) => ({
      name,
      dtype: "F32",
      shape: head[name]!,
      bytes: new Uint8Array(values.buffer),
    })),
  ] as StoredTensor[];
  return {
    parts: {
      config: { ...config, ...more, architectures: [architecture] },
      weights: writeSafetensors(all),
      tokenizer: (await readJson<object>(`${folder}/tokenizer.json`))!,
      tokenizerConfig: (await readJson<object>(`${folder}/tokenizer_config.json`))!,
    },
    weights,
  };
}

describe("a cross-encoder", () => {
  it("gives the float64 scores of pairs", async () => {
    const { pairs, scores } = (await readJson<ExpectedPairs>(`${folder}/expected.json`))!;
    await using model = await Model.load(folder);
    for (const [index, [query, document]] of pairs.entries()) {
      const [ranked] = await model.rerank(query, [document]);
      expect(Math.abs(ranked!.score - scores[index]!), document).toBeLessThan(headLogits);
      const [labelled] = await model.classify([[query, document]]);
      expect([labelled!.label, labelled!.score]).toEqual(["LABEL_0", ranked!.score]);
    }
  });
});

describe("a classifier of tokens", () => {
  const labels = { "0": "O", "1": "B-THING", "2": "I-THING" };

  it("gives a label per token, with float64 logits and its place in the text", async () => {
    const { parts, weights } = await withHead(
      "BertForTokenClassification",
      { id2label: labels },
      { "classifier.weight": [3, C], "classifier.bias": [3] },
    );
    await using model = await Model.load(parts);
    const texts = ["The dog  ran\tvery fast!", "Élan, NAÏVE cafés", "the sea 海は blue", ""];
    const found = await model.classify(texts, { tokens: true });
    const [W, b] = [weights.get("classifier.weight")!, weights.get("classifier.bias")!];
    for (const [index, text] of texts.entries()) {
      const ids = await model.encode(text);
      const { hidden } = await model.forward([ids], { output: "hidden" });
      const tokens = found[index]!;
      expect(tokens.map(({ id }) => id)).toEqual(ids.slice(1, -1));
      let end = 0;
      for (const [at, token] of tokens.entries()) {
        const row = hidden[0]!.subarray(C * (at + 1), C * (at + 2));
        for (let label = 0; label < 3; label++) {
          const logit = row.reduce((sum, value, i) => sum + value * W[label * C + i]!, b[label]!);
          expect(Math.abs(token.logits[label]! - logit)).toBeLessThan(headLogits);
        }
        expect(token.score).toBe(Math.max(...token.scores.map(({ score }) => score)));
        // Tokens follow one another, and nothing of a text but white space lies between them.
        expect(text.slice(end, token.start).trim()).toBe("");
        const spelt = (await model.decode([token.id])).replace(/^##/, "");
        const own = text.slice(token.start, token.end);
        if (spelt !== "[UNK]")
          expect(own.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase()).toBe(spelt);
        end = token.end!;
      }
      expect(text.slice(end).trim()).toBe("");
    }
    // Ids have no places, and all of them have labels.
    const [given] = await model.classify([await model.encode(texts[0]!)], { tokens: true });
    expect(given!.slice(1, -1).map(({ logits }) => logits)).toEqual(found[0]!.map(({ logits }) => logits));
    expect(given![0]!.start).toBeUndefined();
    const refused = await rejection(model.classify(texts, { tokens: false }));
    expect(refused.message).toMatch(/tokens: expected true, as this model classifies tokens/);
    expect((await rejection(model.rerank("a", ["b"]))).message).toMatch(/classifies tokens by 3 labels/);
  });
});

describe("a classifier of several labels that apply each by itself", () => {
  it("gives each its own probability", async () => {
    const { parts } = await withHead(
      "BertForSequenceClassification",
      { id2label: { "0": "a", "1": "b" }, problem_type: "multi_label_classification" },
      { "classifier.weight": [2, C], "classifier.bias": [2] },
    );
    await using model = await Model.load(parts);
    const [own] = await model.classify(["the sea"]);
    for (const [index, { score }] of own!.scores.entries())
      expect(score).toBe(1 / (1 + Math.exp(-own!.logits[index]!)));
    expect(model.info.config.classifier).toMatchObject({ labels: ["a", "b"], problem: "multi" });
  });
});

describe("a model of hidden tokens", () => {
  const head = {
    "cls.predictions.transform.dense.weight": [C, C],
    "cls.predictions.transform.dense.bias": [C],
    "cls.predictions.transform.LayerNorm.weight": [C],
    "cls.predictions.transform.LayerNorm.bias": [C],
    "cls.predictions.bias": [400],
  };

  it("gives the likeliest tokens for each, by the probabilities of all", async () => {
    const { parts } = await withHead("BertForMaskedLM", {}, head);
    await using model = await Model.load(parts);
    const texts = ["the [MASK] ran very [MASK]", "the sea is [MASK].", "the [MASK] ran very [MASK]"];
    const found = await model.fillMask(texts, { topK: 3 });
    expect(found.map((masks) => masks.length)).toEqual([2, 1, 2]);
    expect(found[2]).toBe(found[0]);
    for (const [index, text] of texts.entries()) {
      const ids = await model.encode(text);
      const { logits } = await model.forward([ids], { output: "all" });
      for (const { position, candidates } of found[index]!) {
        expect(await model.decode([ids[position]!])).toBe("[MASK]");
        const row = Array.from(logits[0]!.subarray(400 * position, 400 * (position + 1)));
        const sum = row.reduce((total, value) => total + Math.exp(value), 0);
        const order = [...row.keys()].toSorted((a, b) => row[b]! - row[a]!);
        expect(candidates.map(({ id }) => id)).toEqual(order.slice(0, 3));
        for (const { id, score, text: own } of candidates) {
          expect(score).toBeCloseTo(Math.exp(row[id]!) / sum, 12);
          expect(own).toBe(await model.decode([id]));
        }
      }
    }
    const none = await rejection(model.fillMask(["the [MASK]", "the sea"]));
    expect(none.message).toMatch(/texts\[1\]: expected a text with \[MASK\]/);
    // It is an encoder like any other.
    const { vectors } = await model.embed(["the sea"], { pooling: "mean" });
    expect(vectors[0]!.length).toBe(C);
  });

  it("loads where its files have no head, and says so when it is asked for", async () => {
    const { parts } = await withHead("BertForMaskedLM", {}, {});
    await using model = await Model.load(parts);
    expect((await model.embed(["the sea"], { pooling: "cls" })).dimensions).toBe(C);
    const error = await rejection(model.fillMask(["the [MASK]"]));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/They lack headDense.weight, .*head.bias/);
    expect(await rejection(model.forward([[1, 2]]))).toBeInstanceOf(ArgumentError);
  });
});

describe("answers to choose from", () => {
  const story = repositoryFile("src/demo/models/tinystories-gpt2");

  it("have the probabilities of their tokens, divided by those of all that are given", async () => {
    await using model = await Model.load(story, { weights: "f32", queues: 2 });
    const prompt = "Once upon a time there was a little dog named Spot. He was lost in the big dark forest.";
    const questions = [
      { question: " Spot felt", answers: [" sad", " happy", " very scared"] },
      { question: " Then he saw", answers: [" his mom", " a big tree", " a big"] },
      { answers: [" He", " The"] },
    ];
    const decisions = await model.decide(prompt, questions);
    for (const [index, { question = "", answers }] of questions.entries()) {
      const whole = await Promise.all(
        answers.map(async (answer) => model.encode(prompt + question + answer)),
      );
      const before = (await model.encode(prompt + question)).length;
      const sums = (await model.score(whole)).map(({ logProbabilities, tokens }) =>
        logProbabilities.slice(before - tokens.length).reduce((sum, value) => sum + value, 0),
      );
      const total = sums.reduce((sum, value) => sum + Math.exp(value), 0);
      const { scores, answer, probability } = decisions[index]!;
      expect(scores.map((own) => own.answer)).toEqual(answers);
      for (const [at, own] of scores.entries()) {
        expect(Math.abs(own.logProbability - sums[at]!)).toBeLessThan(1e-4);
        expect(own.probability).toBeCloseTo(Math.exp(sums[at]!) / total, 4);
      }
      expect(scores.find((own) => own.answer === answer)!.probability).toBe(probability);
      expect(probability).toBe(Math.max(...scores.map((own) => own.probability)));
      expect(scores.reduce((sum, own) => sum + own.probability, 0)).toBeCloseTo(1, 12);
    }
    // The prompt was computed once a queue at most, and the tokens of answers and questions beside it.
    const prefix = (await model.encode(prompt)).length;
    expect(model.stats().computedRows).toBeLessThan(2 * prefix + 60);
    // The same bits in another order, and alone.
    const turned = await model.decide(prompt, questions.toReversed());
    expect(turned.toReversed()).toEqual(decisions);
    expect(await model.decide(prompt, [questions[1]!])).toEqual([decisions[1]]);
  });

  it("are refused by name where they cannot be asked for, and end with their signal", async () => {
    await using model = await Model.load(story);
    for (const [questions, options, problem] of [
      [[], {}, /questions: expected a non-empty array/],
      [[{ answers: ["a"] }], {}, /questions\[0\]: expected .* at least two different texts/],
      [[{ answers: [" a", " b"] }, { answers: [" a", " a"] }], {}, /questions\[1\]/],
      [[{ answer: [" a"] }], {}, /Perhaps answers was meant/],
      [[{ answers: [" a", " b"] }], { topK: 1 } as object, /options: expected known names/],
      [
        [{ question: " word".repeat(3000), answers: [" a", " b"] }],
        {},
        /questions\[0\]: expected at most \d+ tokens/,
      ],
    ] as const)
      expect((await rejection(model.decide("The dog", questions as never, options))).message).toMatch(
        problem,
      );
    const stopping = new AbortController();
    const running = model.decide("The dog", [{ answers: [" ran", " sat"] }], { signal: stopping.signal });
    stopping.abort();
    expect(await rejection(running)).toBeInstanceOf(CancelledError);
    await using encoder = await Model.load(folder);
    expect((await rejection(encoder.decide("a", [{ answers: ["b", "c"] }]))).message).toMatch(
      /expected a model that predicts tokens/,
    );
  });
});

describe("a pass that pools", () => {
  it("overlaps attention with slices of other texts on another queue, within the fences", async () => {
    const loaded = await loadModel(folder, { queues: 2 });
    try {
      const tokens = Array.from({ length: 24 }, (_, text) =>
        Uint32Array.from({ length: 10 + ((7 * text) % 41) }, (__, index) => 5 + ((11 * text + index) % 300)),
      );
      const { trace, values, stats } = await runForwardPass(loaded, {
        tokens,
        output: { kind: "pooled", head: pooledHead({ methods: ["mean"] }, C) },
        sliceTokens: 8,
        fence: "sentence",
        placement: "affine",
        queues: 2,
        trace: true,
        gpuBudgetMs: undefined,
        signal: undefined,
      });
      expect(values.map(({ length }) => length)).toEqual(tokens.map(() => C));
      expect(validateTrace(trace!)).toEqual([]);
      expect(measureTrace(trace!).overlapMs).toBeGreaterThan(0);
      expect(stats.queues.every((own) => own.tokens > 0)).toBe(true);
      // Dispatches depend on the model, and not on how many texts there are.
      const one = await runForwardPass(loaded, {
        tokens: tokens.slice(0, 1),
        output: { kind: "pooled", head: pooledHead({ methods: ["mean"] }, C) },
        sliceTokens: 8,
        fence: "sentence",
        placement: "affine",
        queues: 1,
        trace: false,
        gpuBudgetMs: undefined,
        signal: undefined,
      });
      expect(one.values[0]).toEqual(values[0]);
      const layers = loaded.config.layers;
      expect(one.stats.dispatches).toBeLessThanOrEqual(8 * layers + 3);
    } finally {
      disposeLoaded(loaded);
    }
  });
});

describe("vectors of texts", () => {
  const sentences = repositoryFile("test/fixtures/encoders/bert-mean-dense-normalize");

  it("are those of float64, by a dense module and a norm on the GPU", async () => {
    const { texts, vectors: expected } = (await readJson<{
      readonly texts: readonly string[];
      readonly vectors: readonly number[][];
    }>(`${sentences}/expected.json`))!;
    await using model = await Model.load(sentences);
    const { vectors, dimensions } = await model.embed(texts);
    expect(dimensions).toBe(expected[0]!.length);
    for (const [index, vector] of vectors.entries())
      for (const [at, value] of vector.entries())
        expect(Math.abs(value - expected[index]![at]!), texts[index]).toBeLessThan(encoderRows);
    // Cut before they get their length.
    const cut = await model.embed(texts, { dimensions: 5 });
    for (const [index, own] of cut.vectors.entries()) {
      const kept = expected[index]!.slice(0, 5);
      for (const [at, value] of own.entries())
        expect(Math.abs(value - kept[at]! / Math.hypot(...kept))).toBeLessThan(encoderRows);
    }
  });

  it("come as their batches are done, to those who iterate, each before all are", async () => {
    await using model = await Model.load(sentences);
    const texts = Array.from({ length: 2000 }, (_, index) => textOf(index % 1800));
    const events: string[] = [];
    const handle = model.embed(texts, { onProgress: ({ done, total }) => events.push(`${done}/${total}`) });
    const seen: Float32Array[] = [];
    let first = 0;
    for await (const { index, vector } of handle) {
      expect(index).toBe(seen.length);
      seen.push(vector);
      if (index === 0) first = events.length;
    }
    // Batches are bounded, whatever the number of texts: the first one's vectors came while others were to be computed.
    expect(events.length).toBeGreaterThan(1);
    expect(first).toBeLessThan(events.length);
    expect(events.at(-1)).toBe("2000/2000");
    expect((await handle).vectors).toEqual(seen);
    expect(seen[1900]).toBe(seen[100]);
    // Leaving the loop ends the call.
    const left = model.embed(texts);
    for await (const { index } of left) if (index === 10) break;
    expect(await rejection(left)).toBeInstanceOf(CancelledError);
  });

  it("leave nothing behind when they are cancelled, and name the text that is bad", async () => {
    await using model = await Model.load(sentences);
    const texts = Array.from({ length: 1300 }, (_, index) => textOf(index));
    const [alone] = (await model.embed([texts[0]!])).vectors;
    const before = model.memory();
    for (const end of [0, 1]) {
      const stopping = new AbortController();
      let batches = 0;
      const running = model.embed(texts, {
        signal: stopping.signal,
        onProgress: () => {
          if (++batches === end) stopping.abort("enough");
        },
      });
      if (end === 0) stopping.abort("enough");
      const error = await rejection(running);
      expect(error).toBeInstanceOf(CancelledError);
      expect(error.cause).toBe("enough");
    }
    for (const [bad, problem] of [
      [[1, 9999], /texts\[1250\]\[1\]: expected a token id/],
      [[], /texts\[1250\]: expected 1 to \d+ token ids/],
      [5, /texts\[1250\]/],
    ] as const) {
      const wrong = await rejection(model.embed([...texts.slice(0, 1250), bad as never, "fine"]));
      expect(wrong.message).toMatch(problem);
    }
    // Rows of passes may be kept for the next one; nothing else is.
    await model.embed([texts[0]!]);
    const after = model.memory();
    expect(after.map(({ buffers }) => buffers)).toEqual(before.map(({ buffers }) => buffers));
    expect((await model.embed([texts[0]!])).vectors[0]).toEqual(alone);
    model.dispose();
    expect(model.memory().map(({ buffers, bytes }) => [buffers, bytes])).toEqual([[0, 0]]);
  });
});
