// Folders of sentence-transformers on real execution: the vectors that it computes from texts in float64, by the files of either age.
// Folders are read from the disk: what a page computes is what Node computes.
import { expect, it } from "vitest";
import { ArgumentError, CancelledError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import { parseHeader } from "../../src/files/safetensors.js";
import { describeWithSharedModel, readBytes, readJson } from "../helpers/data-files.js";
import { rejection } from "../helpers/rejection.js";
import { encoderRows } from "../helpers/tolerances.js";

const kinds = [
  "bert-cls",
  "bert-lasttoken",
  "bert-max",
  "bert-mean",
  "bert-mean-dense-normalize",
  "bert-mean-prompt-left-out",
  "bert-mean-sqrt-len-tokens",
  "bert-mean-two-dense",
  "bert-two-poolings",
  "bert-weightedmean",
  "gemma3-mean-two-dense",
  "qwen3-last-prompts",
  "roberta-mean",
] as const;

interface Expected {
  readonly texts: readonly string[];
  readonly ids: readonly number[][] | null;
  readonly encode: { readonly prompt_name?: string };
  readonly dimensions: number;
  readonly vectors: readonly number[][];
}

if (typeof document === "undefined")
  for (const kind of kinds)
    await describeWithSharedModel(`sentence/${kind}`, 1, (folder) => {
      it("gives the float64 vectors of all texts, alone or together, by the files of either age", async () => {
        const { texts, ids, encode, dimensions, vectors } = (await readJson<Expected>(
          `${folder}/expected.json`,
        ))!;
        const prompt = encode.prompt_name === undefined ? {} : { prompt: encode.prompt_name };
        let bits: readonly Float32Array[] | undefined;
        for (const own of [folder, await withOlderFiles(folder)]) {
          await using model = await Model.load(own);
          const result = await model.embed(texts, prompt);
          expect(result.dimensions).toBe(dimensions);
          if (ids) expect(result.tokens).toBe(ids.flat().length);
          for (const [index, vector] of result.vectors.entries()) {
            expect(vector.length).toBe(dimensions);
            const error = Math.max(...vector.map((value, at) => Math.abs(value - vectors[index]![at]!)));
            expect(error, texts[index]).toBeLessThan(encoderRows);
          }
          expect(result.vectors).toEqual((bits ??= result.vectors));
          const turned = await model.embed(texts.toReversed(), prompt);
          expect(turned.vectors.toReversed()).toEqual(bits);
          for (const index of [0, 2, 9])
            expect((await model.embed([texts[index]!], prompt)).vectors).toEqual([bits[index]]);
        }
      });
    });

/** The folder with its small files as versions 2 to 4 wrote them. */
async function withOlderFiles(folder: string): Promise<string> {
  const { cp, mkdtemp } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { onTestFinished } = await import("vitest");
  const own = await mkdtemp(`${tmpdir()}/weft-older-`);
  onTestFinished(async () => (await import("node:fs/promises")).rm(own, { recursive: true }));
  await cp(folder, own, { recursive: true });
  await cp(`${folder}/older`, own, { recursive: true });
  return own;
}

if (typeof document === "undefined")
  await describeWithSharedModel("sentence/bert-mean", 3, (folder) => {
    it("embeds ten thousand texts, the same ones once, in steps that are told and can be cancelled", async () => {
      await using model = await Model.load(folder);
      const words = ["cat", "dog", "sea", "a little girl", "once upon a time there was"];
      const texts = Array.from({ length: 10_000 }, (_, index) => `${words[index % 5]} ${index % 500}`);
      const seen: number[] = [];
      const { vectors, truncated } = await model.embed(texts, { onProgress: ({ done }) => seen.push(done) });
      expect(vectors.length).toBe(10_000);
      expect(vectors[3]).toBe(vectors[503]);
      expect(vectors[3]).toEqual((await model.embed([texts[3]!])).vectors[0]);
      expect(truncated).toEqual([]);
      expect(seen.at(-1)).toBe(10_000);

      const stopping = new AbortController();
      const running = model.embed(texts, { signal: stopping.signal });
      stopping.abort();
      expect(await rejection(running)).toBeInstanceOf(CancelledError);
      expect((await model.embed(["cat 0"])).vectors[0]).toEqual(vectors[0]);
    });

    it("cuts texts at exactly the limit, says so, or refuses them", async () => {
      await using model = await Model.load(folder);
      const text = "the sea ".repeat(200);
      const short = await model.encode("the sea");
      const { tokens, truncated } = await model.embed(["cat", text]);
      expect(truncated).toEqual([1]);
      expect(tokens).toBe((await model.encode("cat")).length + 64);
      expect(short.length).toBeLessThan(64);
      const error = await rejection(model.embed(["cat", text], { tooLong: "refuse" }));
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.message).toMatch(/texts\[1\]: expected at most 64 tokens, received \d+/);
    });

    it("cuts, normalises and pools as asked, and names what it does not know", async () => {
      await using model = await Model.load(folder);
      const { vectors, dimensions } = await model.embed(["cat"], { dimensions: 10, normalize: true });
      expect(dimensions).toBe(10);
      expect(Math.hypot(...vectors[0]!)).toBeCloseTo(1, 6);
      const [cls] = (await model.embed(["cat"], { pooling: "cls", normalize: false })).vectors;
      const { hidden } = await model.forward([await model.encode("cat")], { output: "hidden" });
      expect(cls).toEqual(hidden[0]!.subarray(0, 48));
      const both = await model.embed(["cat"], { pooling: ["cls", "mean"], normalize: false });
      expect(both.vectors[0]!.subarray(0, 48)).toEqual(cls);
      for (const [texts, options, problem] of [
        [["cat"], { prompt: "song" }, /prompt: expected one of the model's prompts: document, query/],
        [["cat"], { pooling: "median" }, /pooling: expected/],
        [["cat"], { dimensions: 49 }, /dimensions: expected a whole number from 1 to 48/],
        [["cat", [1, 999]], {}, /texts\[1\]\[1\]: expected a token id/],
        [[], {}, /texts: expected/],
        [["cat"], { normalise: true }, /Perhaps normalize was meant/],
      ] as const)
        expect((await rejection(model.embed(texts, options as object))).message).toMatch(problem);
    });
  });

if (typeof document === "undefined")
  await describeWithSharedModel("all-minilm-l6-v2", 1, (folder) => {
    it("gives the recorded vectors and ids, from weights that stay in f16", async () => {
      const { texts } = (await readJson<{ readonly texts: readonly { text: string; ids: number[] }[] }>(
        `${folder}/expected.json`,
      ))!;
      const recorded = parseHeader(await readBytes(`${folder}/expected.safetensors`), "expected");
      const { begin } = recorded.tensors.get("vectors")!;
      const file = await readBytes(`${folder}/expected.safetensors`);
      const vectors = new Float64Array(file.slice(recorded.dataOffset + begin).buffer, 0, texts.length * 384);
      await using model = await Model.load(folder);
      expect(model.info.weights).toBe("f16");
      const chosen = texts.map((own, index) => ({ ...own, index })).filter(({ ids }) => ids.length <= 64);
      const result = await model.embed(chosen.map(({ text }) => text));
      expect(result.tokens).toBe(chosen.reduce((sum, { ids }) => sum + ids.length, 0));
      for (const [at, { index, text }] of chosen.entries()) {
        const expected = vectors.subarray(384 * index, 384 * (index + 1));
        const own = result.vectors[at]!;
        expect(Math.max(...own.map((value, i) => Math.abs(value - expected[i]!))), text).toBeLessThan(
          encoderRows,
        );
        expect(own.reduce((sum, value, i) => sum + value * expected[i]!, 0)).toBeGreaterThan(0.99999);
      }
      // A text of more than 256 tokens keeps 255 and the end.
      const long = texts.find(({ ids }) => ids.length === 256)!;
      expect((await model.embed([long.text])).tokens).toBe(256);
    });
  });
