// Heads of encoders on real execution, against what the field's own implementation computes in float64: logits of labels, of tokens
// that are hidden, and scores of pairs of texts; and the same bits whatever the batch.
import { expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import type { TextLike } from "../../src/runtime/texts/input.js";
import { describeWithSharedModel, readBytes, readJson } from "../helpers/data-files.js";
import { readTensorFile } from "../helpers/oracles.js";
import { rejection } from "../helpers/rejection.js";
import { headLogits } from "../helpers/tolerances.js";

interface Expected {
  readonly sentences: readonly number[][];
  readonly token_type_ids?: readonly number[][];
}

const largestError = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual).reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
};

for (const kind of ["bert-classify", "distilbert-classify", "modernbert-classify", "xlm-roberta-rerank"])
  await describeWithSharedModel(`tiny/${kind}`, 1, (folder) => {
    it("gives the float64 logits of every text, by both forms of its config, alone or together", async () => {
      const { sentences, token_type_ids: types } = (await readJson<Expected>(`${folder}/expected.json`))!;
      const expected = await readTensorFile(`${folder}/expected.safetensors`);
      const weights = await readBytes(`${folder}/model.safetensors`);
      const texts: TextLike[] = sentences.map((ids, index) =>
        types ? { ids, tokenTypes: types[index]! } : ids,
      );
      let bits: readonly Float32Array[] | undefined;
      for (const [form, queues, sliceTokens] of [
        ["config.json", 2, "auto"],
        ["config.v4.json", 1, 3],
      ] as const) {
        const config = (await readJson<object>(`${folder}/${form}`))!;
        await using model = await Model.load({ config, weights }, { queues, sliceTokens });
        expect(model.info.unexpectedTensors).toEqual([]);
        const labels = await model.classify(texts);
        const logits = labels.map((own) => own.logits);
        for (const [index, own] of logits.entries())
          expect(largestError(own, expected.get(`logits.${index}`)!), `text ${index}`).toBeLessThan(
            headLogits,
          );
        expect(logits).toEqual((bits ??= logits));
        const turned = await model.classify(texts.toReversed());
        expect(turned.map((own) => own.logits).toReversed()).toEqual(bits);
        for (const [index, text] of texts.entries())
          expect((await model.classify([text]))[0]!.logits).toEqual(bits[index]);
        const [{ label, score, scores }] = labels as [(typeof labels)[0]];
        expect(score).toBe(Math.max(...scores.map((own) => own.score)));
        expect(scores.find((own) => own.label === label)!.score).toBe(score);
        if (scores.length > 1) expect(scores.reduce((sum, own) => sum + own.score, 0)).toBeCloseTo(1, 12);
        // As with rows, nothing that predicts tokens comes from it.
        expect(await rejection(model.forward([[1, 2]]))).toBeInstanceOf(ArgumentError);
        const asTokens = await rejection(model.classify(texts, { tokens: true }));
        expect(asTokens.message).toMatch(/tokens: expected false, as this model classifies texts/);
      }
    });
  });

await describeWithSharedModel("tiny/bert-mlm", 1, (folder) => {
  it("gives the float64 logits of every token, and refuses what only a decoder does", async () => {
    const { sentences, token_type_ids: types } = (await readJson<Expected>(`${folder}/expected.json`))!;
    const expected = await readTensorFile(`${folder}/expected.safetensors`);
    const weights = await readBytes(`${folder}/model.safetensors`);
    let bits: readonly Float32Array[] | undefined;
    for (const form of ["config.json", "config.v4.json"]) {
      await using model = await Model.load({
        config: (await readJson<object>(`${folder}/${form}`))!,
        weights,
      });
      const options = { output: "all", ...(types ? { tokenTypes: types } : {}) } as const;
      const { logits } = await model.forward(sentences, options);
      for (const [index, own] of logits.entries())
        expect(largestError(own, expected.get(`logits.${index}`)!), `sentence ${index}`).toBeLessThan(
          headLogits,
        );
      expect(logits).toEqual((bits ??= logits));
      for (const sliceTokens of [1, 7])
        expect((await model.forward(sentences, { ...options, sliceTokens })).logits).toEqual(bits);
      const last = await model.forward(sentences, { ...options, output: "last" });
      for (const [index, own] of last.logits.entries()) expect(own).toEqual(bits[index]!.slice(-131));
      expect(() => model.generate([1, 2])).toThrow(/model: expected a model that predicts tokens/);
      expect(await rejection(model.score([[1, 2]]))).toBeInstanceOf(ArgumentError);
    }
  });
});

interface ExpectedPairs {
  readonly pairs: readonly (readonly [string, string])[];
  readonly ids: readonly number[][];
  readonly token_type_ids: readonly (number[] | null)[];
  readonly logits: readonly (number | number[])[];
  readonly scores: readonly (number | number[])[];
  readonly max_length: number;
}

if (typeof document === "undefined")
  for (const kind of ["bert-cross-encoder", "bert-cross-encoder-3", "roberta-cross-encoder"])
    await describeWithSharedModel(`sentence/${kind}`, 1, (folder) => {
      it("gives the ids, logits and scores of all pairs", async () => {
        const {
          pairs,
          ids,
          token_type_ids: types,
          logits,
          scores,
        } = (await readJson<ExpectedPairs>(`${folder}/expected.json`))!;
        await using model = await Model.load(folder);
        const found = await model.classify(pairs);
        // The same from ids: were the tokenizer's different, the bits would be.
        const given = await model.classify(
          ids.map((own, index) => ({ ids: own, ...(types[index] ? { tokenTypes: types[index] } : {}) })),
        );
        for (const [index, { logits: own }] of found.entries()) {
          expect(largestError(own, [logits[index]!].flat()), pairs[index]!.join()).toBeLessThan(headLogits);
          // The recorded ids of a pair with an empty text are those of one text; its recorded logits are those of a pair.
          if (pairs[index]![1] !== "") expect(given[index]!.logits).toEqual(own);
        }
        for (const [index, [query, document]] of pairs.entries()) {
          if (Array.isArray(scores[index])) {
            const refused = await rejection(model.rerank(query, [document]));
            expect(refused.message).toMatch(/has one label.*by 3 labels/);
            continue;
          }
          const [best] = await model.rerank(query, [document]);
          expect(Math.abs(best!.score - (scores[index] as number))).toBeLessThan(headLogits);
        }
      });
    });

if (typeof document === "undefined")
  await describeWithSharedModel("sentence/bert-cross-encoder", 2, (folder) => {
    it("puts documents in order, the most relevant first, with the scores that each has alone", async () => {
      await using model = await Model.load(folder);
      const { pairs } = (await readJson<ExpectedPairs>(`${folder}/expected.json`))!;
      const documents = pairs.map(([, document]) => document);
      const seen: number[] = [];
      const ranked = await model.rerank("who ran fast?", [...documents, documents[0]!], {
        onProgress: ({ done }) => seen.push(done),
      });
      expect(seen).toEqual([8]);
      expect(ranked.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      for (const [place, { index, score }] of ranked.entries()) {
        if (place > 0) expect(score).toBeLessThanOrEqual(ranked[place - 1]!.score);
        const [alone] = await model.rerank("who ran fast?", [documents[index % 7]!]);
        expect(alone!.score).toBe(score);
      }
      const best = await model.rerank("who ran fast?", documents, { topK: 2 });
      expect(best).toEqual(ranked.filter(({ index }) => index < 7).slice(0, 2));
      // Ids of a text are put into the template as the text is.
      const ids = (await model.encode(documents[0]!)).slice(1, -1);
      expect((await model.rerank("who ran fast?", [ids]))[0]!.score).toBe(
        ranked.find(({ index }) => index === 0)!.score,
      );
    });

    it("cuts the longer text of a pair first, at exactly the limit, and names the document that it refuses", async () => {
      await using model = await Model.load(folder);
      const long = "the sea is blue and the dog ran very fast ".repeat(20);
      const [a, b] = [await model.encode("the dog"), await model.encode(long)].map((own) => own.slice(1, -1));
      // 64 tokens, three of them special.
      const room = 64 - 3 - a!.length;
      const cut = await model.classify([["the dog", long]]);
      const by = await model.classify([["the dog", b!.slice(0, room)]]);
      expect(by[0]!.logits).toEqual(cut[0]!.logits);
      const whole = await model.classify([["the dog", b!.slice(0, room)]], { tooLong: "refuse" });
      expect(whole[0]!.logits).toEqual(cut[0]!.logits);
      const both = await model.classify([[long, long]]);
      expect(both[0]!.logits).toEqual(
        (await model.classify([[b!.slice(0, 30), b!.slice(0, 31)]]))[0]!.logits,
      );
      const refused = await rejection(model.rerank("the dog", ["the sea", long], { tooLong: "refuse" }));
      expect(refused.message).toMatch(/documents\[1\]: expected at most 64 tokens, received \d+/);
      for (const [documents, options, problem] of [
        [[], {}, /documents: expected a non-empty array/],
        [["a"], { topK: 0 }, /topK: expected a whole number of at least 1/],
        [["a"], { top_k: 1 } as object, /Perhaps topK was meant/],
        [["a", [1, 9999]], {}, /documents\[1\]\[\d+\]: expected a token id/],
      ] as const)
        expect((await rejection(model.rerank("q", documents, options))).message).toMatch(problem);
    });
  });
