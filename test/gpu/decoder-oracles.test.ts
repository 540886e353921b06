// Every family of decoders on real execution, against what the field's own implementation computes in float64: logits, greedy
// text, loss and gradients; and the promises that hold for all models: the same bits whatever k, fence, queues, pages and mates.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ModelParts } from "../../src/files/source.js";
import type { TrainOptions } from "../../src/runtime/train/options.js";
import { Model } from "../../src/runtime/model.js";
import { describeWithSharedModel } from "../helpers/data-files.js";
import { expectClose } from "../helpers/expect-close.js";
import { largestRowError, readOracle, readTensorFile, tensorsOf, type Oracle } from "../helpers/oracles.js";
import { isLongRun } from "../helpers/long-run.js";
import { modelGradient, oracleRows } from "../helpers/tolerances.js";

const kinds = [
  "gpt2",
  "gpt-neox",
  "gpt-neox-serial",
  "llama",
  "llama-bias-tied",
  "llama-rope-linear",
  "llama-rope-llama3",
  "llama-rope-yarn",
  "mistral-window",
  "qwen2",
  "qwen3",
  "smollm3",
  "granite",
  "olmo2",
  "phi3",
  "phi3-partial-longrope",
  "gemma2",
  "gemma3",
  "gemma3-wrapped",
] as const;

/** These between them have every kernel of training. With --long, all kinds learn. */
const learners = [
  "gpt2",
  "gpt-neox",
  "llama-bias-tied",
  "mistral-window",
  "qwen3",
  "granite",
  "olmo2",
  "gemma2",
];

/** What a page computes is what Node computes: a few kinds, which between them have all kernels, are enough there. */
const inPage = ["gpt-neox", "qwen3", "granite", "gemma2"];

for (const kind of kinds)
  if (typeof document === "undefined" || inPage.includes(kind))
    await describeWithSharedModel(`tiny/${kind}`, 5, (folder) => testKind(folder, kind));

function testKind(folder: string, kind: string): void {
  let oracle: Oracle;
  /** On two queues, with small pages. */
  let model: Model;
  /** By the other form of the config, on one queue. */
  let other: Model;
  /** Bits of the logits of all sentences. */
  let whole: Uint32Array[];

  beforeAll(async () => {
    oracle = await readOracle(folder);
    model = await Model.load(oracle.forms[0], { queues: 2, cachePageTokens: 4 });
    other = await Model.load(oracle.forms[1], { queues: 1 });
  });
  afterAll(() => {
    model.dispose();
    other.dispose();
  });

  it("gives the float64 logits of every sentence, with equal bits by both forms of its config", async () => {
    const { sentences, expected } = oracle;
    const { vocabularySize, contextLength } = model.info.config;
    const options = { output: "all", sliceTokens: contextLength } as const;
    const { logits } = await model.forward(sentences, { ...options, queues: 1 });
    const errors = logits.map((own, index) =>
      largestRowError(own, expected.get(`logits.${index}`)!, vocabularySize),
    );
    expect(Math.max(...errors)).toBeLessThan(oracleRows);
    whole = bitsOf(logits);
    expect(bitsOf((await other.forward(sentences, options)).logits)).toEqual(whole);
    expect(model.info.unexpectedTensors).toEqual([]);
  });

  it("gives the same bits for every k, fence and number of queues, alone and among others", async () => {
    const { sentences } = oracle;
    for (const [fence, sliceTokens, queues] of [
      ["sentence", 3, 2],
      ["prefix", 3, 2],
      ["prefix", 16, 1],
      ["sentence", 16, 2],
    ] as const) {
      const { logits } = await model.forward(sentences, { output: "all", fence, sliceTokens, queues });
      expect(bitsOf(logits), `${fence}, k = ${sliceTokens}`).toEqual(whole);
    }
    const short = sentences.slice(0, 5);
    for (const fence of ["sentence", "prefix"] as const) {
      const { logits } = await model.forward(short, { output: "all", fence, sliceTokens: 1 });
      expect(bitsOf(logits), `${fence}, k = 1`).toEqual(whole.slice(0, 5));
    }
    for (const [index, sentence] of short.entries()) {
      const { logits } = await model.forward([sentence], { output: "all", sliceTokens: 3 });
      expect(bitsOf(logits)[0], `sentence ${index} alone`).toEqual(whole[index]);
    }
  });

  // What is inside the wrapper is recorded as a kind of its own.
  const isWrapped = kind.endsWith("-wrapped");

  it.skipIf(isWrapped)(
    "continues sentences greedily, whatever the pages and whoever is written beside",
    async () => {
      const { sentences, greedy } = oracle;
      for (const own of [model, other]) {
        const handles = greedy.map(({ tokens }, index) =>
          own.generate(sentences[index]!, { temperature: 0, maxTokens: tokens.length, stopTokens: [] }),
        );
        const results = await Promise.all(handles);
        expect(results.map(({ tokens }) => [...tokens])).toEqual(greedy.map(({ tokens }) => [...tokens]));
      }
    },
  );

  it.skipIf(isWrapped)("has the float64 loss and gradients", async () => {
    const { forms, sentences, loss } = oracle;
    const gradients = await readTensorFile(`${folder}/gradients.safetensors`);
    const before = namedAsText(tensorsOf(forms[0].weights as Uint8Array<ArrayBuffer>));
    const targets = sentences.filter(({ length }) => length > 1);
    const run = other.train(targets, {
      steps: 1,
      batchTokens: targets.flat().length,
      optimizer: { kind: "sgd", clipNorm: 1e30 },
      schedule: { peak: RATE, decay: "constant" },
      sliceTokens: 7,
    });
    for await (const step of run) expectClose([step.loss], [loss], modelGradient);
    const after = tensorsOf((await other.save()).weights);
    expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted());
    for (const [name, own] of gradients) {
      // Newer versions of the implementation name this head otherwise than the files do.
      const key = before.has(name)
        ? name
        : name.replace(/^transformer\./, "").replace("lm_head", "embed_out");
      const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
      expectClose(
        after.get(key)!.map((value, index) => (before.get(key)![index]! - value) / RATE / largest),
        own.map((value) => value / largest),
        modelGradient,
      );
    }
  });

  if (isLongRun() || learners.includes(kind))
    it("learns with the same bits whatever k and the queues, and is loaded again as it was saved", async () => {
      const { forms, sentences } = oracle;
      const targets = sentences.slice(1, 6);
      const train = async (own: Model, options: Partial<TrainOptions>): Promise<ModelParts> => {
        const fixed = { steps: 5, batchTokens: 16, shares: 2, seed: 3, schedule: { peak: 1e-3 } };
        for await (const { loss } of own.train(targets, { ...fixed, ...options }))
          expect(loss).toBeGreaterThan(0);
        return own.save();
      };
      const saved = await train(model, { sliceTokens: 5, recompute: true });
      expect(saved.weights).not.toEqual(forms[0].weights);
      await using second = await Model.load(forms[0], { queues: 1 });
      expect((await train(second, { sliceTokens: 64 })).weights).toEqual(saved.weights);
      const { logits } = await model.forward(targets, { output: "all" });
      await using again = await Model.load(saved, { queues: 1 });
      expect(bitsOf((await again.forward(targets, { output: "all" })).logits), kind).toEqual(bitsOf(logits));
    });
}

/** w ← w − rate·g: so large that the difference is the gradient, with few of its digits lost. */
const RATE = 4096;

const bitsOf = (values: readonly Float32Array[]): Uint32Array[] =>
  values.map((own) => new Uint32Array(own.slice().buffer));

/** The tensors of the text model of a multimodal one, or those that GPT-2's files name without their prefix, as they are saved. */
function namedAsText<T>(tensors: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const prefix = ["language_model.", "transformer."].find((own) =>
    [...tensors.keys()].some((name) => name.startsWith(own)),
  );
  if (prefix === undefined) return tensors;
  return new Map(
    [...tensors].flatMap(([name, own]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), own] as const] : [],
    ),
  );
}

await describeWithSharedModel("tiny/qwen3-embedding", 1, (folder) => {
  it("gives the float64 last rows of a model without prefixes and head", async () => {
    const { forms, sentences, expected } = await readOracle(folder);
    await using model = await Model.load(forms[0]);
    const { hidden } = await model.forward(sentences, { output: "hidden" });
    for (const [index, own] of hidden.entries())
      expect(largestRowError(own, expected.get(`hidden.${index}`)!, model.info.config.channels)).toBeLessThan(
        oracleRows,
      );
  });
});
