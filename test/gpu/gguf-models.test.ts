// Whole models from GGUF files, in many mixes of formats, against float64 over the same weights.
import { describe, expect, it } from "vitest";
import { families } from "../../src/families/encoders/all-families.js";
import { MemoryFolder } from "../../src/files/memory-folder.js";
import { readTensors } from "../../src/files/read-tensors.js";
import { Model } from "../../src/runtime/model.js";
import { readFileBytes, readJson, repositoryFile, sharedFile } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { ggufModels, ownGgufModels, type GgufOracle } from "../helpers/gguf-oracles.js";
import { ggufModel } from "../helpers/tolerances.js";

const architectures = families.flatMap(({ gguf }) => gguf?.architecture ?? []);

it("has models of every architecture that is known", () => {
  expect(Object.keys(ggufModels).toSorted()).toEqual(architectures.toSorted());
});

for (const name of Object.values(ggufModels).flat()) {
  const folder = ownGgufModels.includes(name)
    ? repositoryFile("test/fixtures/gguf/models")
    : sharedFile("models/gguf/models");
  const expected = await readJson<GgufOracle>(`${folder}/${name}.expected.json`);
  describe(name, () => {
    if (!expected) {
      it("is among the shared models", (context) => {
        expect(import.meta.env["WEFT_CI"], `CI must have ${name} in $WEFT_SHARED/models/gguf`).toBeFalsy();
        console.info(`left out: no ${name} in $WEFT_SHARED/models/gguf or ../shared/models/gguf`);
        context.skip();
      });
      return;
    }

    if (expected.kind === "encoder") {
      it("gives the float64 rows and ids", () => testEncoder(folder, name, expected));
      return;
    }

    it("gives the float64 logits, greedy texts and ids", async () => {
      await using model = await Model.load(`${folder}/${name}.gguf`);
      const { logits } = await model.forward(expected.sentences, { output: "all" });
      // Matrices stay in the formats of the file. In float32 their values are the same, and so are all bits.
      await using plain = await Model.load(`${folder}/${name}.gguf`, { weights: "f32" });
      expect((await plain.forward(expected.sentences, { output: "all" })).logits).toEqual(logits);
      expect(model.info.weightBytes).toBeLessThanOrEqual(plain.info.weightBytes);
      const rows = await readExpected(`${folder}/${name}.expected.safetensors`);
      for (const [index, wanted] of rows.entries()) {
        // All positions, or the last four.
        const ids = logits[index]!;
        expectClose(ids.subarray(ids.length - wanted.length), wanted, ggufModel(wanted));
      }
      for (const { prompt, tokens } of expected.greedy) {
        const { tokens: generated } = await model.generate(prompt, {
          maxTokens: tokens.length,
          temperature: 0,
          repetitionPenalty: 1,
          stopTokens: [],
        });
        expect([...generated]).toEqual(tokens);
      }
      for (const { text, ids } of expected.tokenized) expect(await model.encode(text)).toEqual(ids);
      const { endTokens } = model.info.config;
      expect(endTokens.toSorted((a, b) => a - b)).toEqual(expected.vocabulary.endOfGeneration);
    });
  });
}

it("saves a model from GGUF as a folder that gives the same bits", async () => {
  const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
  await using model = await Model.load(repositoryFile(`test/fixtures/gguf/models/${ownGgufModels[0]!}.gguf`));
  const { logits } = await model.forward([prompt], { output: "all" });
  const files = await model.save();
  const text = "Once upon a time";
  const ids = await model.encode(text);
  await using again = await Model.load(files);
  expect((await again.forward([prompt], { output: "all" })).logits).toEqual(logits);
  expect(await again.encode(text)).toEqual(ids);
  expect(again.info.config).toEqual(model.info.config);
});

/** The expected logits of each sentence. */
async function readExpected(
  location: string,
  kind: "logits" | "hidden" | "pooled" = "logits",
): Promise<Float32Array[]> {
  const folder = new MemoryFolder(new Map([["model.safetensors", await readFileBytes(location)]]));
  const rows = new Map<string, Float32Array>();
  for await (const { name, bytes } of readTensors(folder)) rows.set(name, new Float32Array(bytes.buffer));
  // A file may also hold "logitsLong", by factors for a longer context than weft computes.
  const count = [...rows.keys()].filter((name) => name.startsWith(`${kind}.`)).length;
  return Array.from({ length: count }, (_, index) => rows.get(`${kind}.${index}`)!);
}

async function testEncoder(folder: string, name: string, expected: GgufOracle): Promise<void> {
  const options = { output: "hidden" } as const;
  await using model = await Model.load(`${folder}/${name}.gguf`);
  await using plain = await Model.load(`${folder}/${name}.gguf`, { weights: "f32" });
  const { hidden } = await model.forward(expected.sentences, options);
  expect((await plain.forward(expected.sentences, options)).hidden).toEqual(hidden);
  expect(model.info.weightBytes).toBeLessThan(plain.info.weightBytes);
  const rows = await readExpected(`${folder}/${name}.expected.safetensors`, "hidden");
  expect(rows.length).toBe(expected.sentences.length);
  for (const [index, wanted] of rows.entries()) {
    const own = hidden[index]!;
    expectClose(own.subarray(own.length - wanted.length), wanted, ggufModel(wanted));
  }
  for (const { text, ids } of expected.tokenized) expect(await model.encode(text)).toEqual(ids);
  // The file says how rows become one.
  const { vectors } = await model.embed(expected.sentences);
  const pooled = await readExpected(`${folder}/${name}.expected.safetensors`, "pooled");
  for (const [index, wanted] of pooled.entries()) expectClose(vectors[index]!, wanted, ggufModel(wanted));
}
