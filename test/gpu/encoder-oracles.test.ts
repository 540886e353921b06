// Encoders on real execution, against what the field's own implementation computes in float64: their last rows; and the promises
// that hold for all models: the same bits whatever k, queues and mates.
import { expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import { describeWithSharedModel, readBytes, readJson } from "../helpers/data-files.js";
import { readTensorFile } from "../helpers/oracles.js";
import { rejection } from "../helpers/rejection.js";
import { deepEncoderRows, encoderRows } from "../helpers/tolerances.js";

const kinds = [
  "bert",
  "bert-relu",
  "roberta",
  "distilbert",
  "modernbert",
  "nomic-bert",
  "embeddinggemma",
] as const;

interface Expected {
  readonly sentences: readonly number[][];
  readonly token_type_ids?: readonly number[][];
}

for (const kind of kinds)
  await describeWithSharedModel(`tiny/${kind}`, 5, (folder) => {
    it("gives the float64 rows of every sentence, by both forms of its config, alone or together", async () => {
      const { sentences, token_type_ids: tokenTypes } = (await readJson<Expected>(
        `${folder}/expected.json`,
      ))!;
      const expected = await readTensorFile(`${folder}/expected.safetensors`);
      const weights = await readBytes(`${folder}/model.safetensors`);
      const types = tokenTypes ? { tokenTypes } : {};
      let bits: readonly Float32Array[] | undefined;
      for (const [form, queues] of [
        ["config.json", 2],
        ["config.v4.json", 1],
      ] as const) {
        const config = (await readJson<object>(`${folder}/${form}`))!;
        await using model = await Model.load({ config, weights }, { queues });
        const { hidden } = await model.forward(sentences, { output: "hidden", ...types });
        for (const [index, rows] of hidden.entries()) {
          const own = expected.get(`hidden.${index}`)!;
          expect(rows.length).toBe(own.length);
          const error = rows.reduce((most, value, at) => Math.max(most, Math.abs(value - own[at]!)), 0);
          expect(error, `sentence ${index}`).toBeLessThan(
            kind === "modernbert" ? deepEncoderRows : encoderRows,
          );
        }
        expect(hidden).toEqual((bits ??= hidden));
        for (const sliceTokens of [1, 3])
          expect(
            (await model.forward(sentences, { output: "hidden", sliceTokens, ...types })).hidden,
          ).toEqual(bits);
        for (const [index, sentence] of sentences.entries()) {
          const own = tokenTypes ? { tokenTypes: [tokenTypes[index]!] } : {};
          expect((await model.forward([sentence], { output: "hidden", ...own })).hidden).toEqual([
            bits[index],
          ]);
        }
        // Nothing but rows comes from a model without a head, and no token waits for less than its sentence.
        const first = sentences.slice(0, 1);
        expect(await rejection(model.forward(first))).toBeInstanceOf(ArgumentError);
        expect(await rejection(model.score([[1, 2]]))).toBeInstanceOf(ArgumentError);
        expect(() => model.generate([1, 2])).toThrow(/model: expected a model that predicts tokens/);
        expect(() => model.train([[1, 2]], { steps: 1 })).toThrow(ArgumentError);
        const early = await rejection(model.forward(first, { output: "hidden", fence: "prefix" }));
        expect(early.message).toMatch(/fence: expected "sentence"/);
      }
    });
  });
